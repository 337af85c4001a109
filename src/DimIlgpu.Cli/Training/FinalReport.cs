using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Serialization;
using DimIlgpu.Cli.Screens;
using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Training;
using DimIlgpu.Model.Weights;
using Spectre.Console;

namespace DimIlgpu.Cli.Training;

/// <summary>What a finished run came to; also report.json in its folder.</summary>
internal sealed record FinalReport
{
    /// <summary>Samples of shapes that are measured unless somebody asks otherwise.</summary>
    public const int MeasuredSamples = 256;

    private const int ShownOfEachClass = 8, MostShown = 64;

    public string Status { get; } = "completed";

    public required string Run { get; init; }

    public required string Data { get; init; }

    public required string Device { get; init; }

    public required long Parameters { get; init; }

    public required long Steps { get; init; }

    /// <summary>The loss, smoothed over some twenty steps.</summary>
    public required double Loss { get; init; }

    /// <summary>Time that this process trained.</summary>
    public required double TrainingSeconds { get; init; }

    /// <summary>Time that the samples and their measures took.</summary>
    public double ReportSeconds { get; init; }

    public required double Guidance { get; init; }

    public required string? Checkpoint { get; init; }

    /// <summary>The final grid; null where samples cannot be shown.</summary>
    public string? Grid { get; init; }

    /// <summary>What only the procedural shapes allow to measure.</summary>
    public ShapesReport? Shapes { get; init; }

    [JsonIgnore]
    public string Folder { get; private init; } = "";

    /// <summary>Draws, measures and writes report.json.</summary>
    public static async Task<FinalReport> MakeAsync(
        Screen screen, RunFolder folder, IDataSet data, TrainingDisplay display, int measured, double guidance,
        Func<DimPipeline> load, CancellationToken cancellation)
    {
        Stopwatch clock = Stopwatch.StartNew();
        RunConfig config = folder.Config;
        bool isMeasured = data is ShapesDataSet && measured > 0;
        TrainingSamples samples = !isMeasured && display.Samples?.Step == config.Training.Steps
            ? display.Samples
            : await DrawAsync(screen, folder.Config.Model.Classes, isMeasured ? measured : null, guidance, load, cancellation).ConfigureAwait(false);
        FinalReport report = new()
        {
            Run = folder.Path,
            Folder = folder.Path,
            Data = config.Data,
            Device = display.Device,
            Parameters = DimCost.Of(config.Model).Parameters,
            Steps = config.Training.Steps,
            Loss = display.Loss,
            TrainingSeconds = display.Elapsed.TotalSeconds,
            Guidance = guidance,
            Checkpoint = folder.LatestCheckpoint,
            Grid = SamplePictures.WriteSheets(
                Path.Combine(folder.SamplesPath, "final"), SamplePictures.FirstOfEach(samples, ShownOfEachClass), config),
            Shapes = isMeasured
                ? await Work.RunAsync(
                    screen, "Measuring", p => Task.Run(() => ShapesReport.Measure(samples, data, p, cancellation), cancellation)).ConfigureAwait(false)
                : null,
            ReportSeconds = clock.Elapsed.TotalSeconds,
        };
        display.WritePlot();
        AtomicFile.Write(Path.Combine(folder.Path, "report.json"), stream => stream.Write(Terminal.JsonFile(report)));
        return report;
    }

    /// <summary>Shows it as a small table.</summary>
    public void Show(Screen screen)
    {
        Table table = Screen.Table("Result", "");
        table.AddRow("steps", string.Create(CultureInfo.InvariantCulture, $"{this.Steps:n0}"));
        table.AddRow("loss", string.Create(CultureInfo.InvariantCulture, $"{this.Loss:0.0000}"));
        table.AddRow("time", $"{Format.Time(TimeSpan.FromSeconds(this.TrainingSeconds))} training, {Format.Time(TimeSpan.FromSeconds(this.ReportSeconds))} this report");
        this.Shapes?.AddTo(table, this.Guidance);
        screen.Line();
        screen.Write(table);
        if (this.Grid is { } grid)
        {
            screen.Line("Samples", Format.Path(grid));
        }

        screen.Line("Loss", Format.Path(Path.Combine(this.Folder, "loss.png")));
        screen.Line("Weights", Format.Path(this.Checkpoint ?? "none"));
        screen.Line("Draw more", $"dim sample --checkpoint {Format.Path(this.Folder)}");
    }

    private static async Task<TrainingSamples> DrawAsync(
        Screen screen, int classes, int? measured, double guidance, Func<DimPipeline> load, CancellationToken cancellation)
    {
        int count = measured ?? Math.Min(classes * 4, MostShown);
        int[] labels = [.. Enumerable.Range(0, count).Select(i => (int)((long)i * Math.Min(classes, count) / count))];

        // Small batches, because a cancelled draw ends only after the sampler's step in hand.
        GenerationOptions generation = new()
        {
            Labels = labels,
            Sampling = new() { Guidance = new() { Scale = guidance }, Seed = 1, BatchSize = 32 },
        };

        // From the checkpoint, so that what is measured is what a user of the run will get.
        await using DimPipeline pipeline = await Task.Run(load, cancellation).ConfigureAwait(false);
        return await Work.RunAsync(
            screen, string.Create(CultureInfo.InvariantCulture, $"Drawing {count} samples"),
            p => pipeline.GenerateValuesAsync(generation, new Fraction(p), cancellation)).ConfigureAwait(false);
    }

    private sealed class Fraction(IProgress<double> progress) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => progress.Report(value.Fraction);
    }
}
