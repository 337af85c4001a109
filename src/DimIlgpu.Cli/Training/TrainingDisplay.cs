using System.Diagnostics;
using System.Globalization;
using DimIlgpu.Cli.Screens;
using DimIlgpu.Imaging;
using DimIlgpu.Model.Training;
using Spectre.Console;

namespace DimIlgpu.Cli.Training;

/// <summary>Shows a run while it trains, and keeps its pictures and plot up to date.</summary>
internal sealed class TrainingDisplay : ITrainingObserver
{
    private const double Smoothing = 0.95;
    private static readonly TimeSpan PlainEvery = TimeSpan.FromSeconds(10);

    private readonly Screen screen;
    private readonly RunFolder folder;
    private readonly List<TrainingStep> history;
    private ProgressTask? bar;
    private long lastLine = Stopwatch.GetTimestamp();
    private double sum, weight;

    public TrainingDisplay(Screen screen, RunFolder folder, string device)
    {
        (this.screen, this.folder, this.Device) = (screen, folder, device);
        this.history = [.. folder.Metrics()];
        this.history.ForEach(this.Smooth);
    }

    /// <summary>The device that trains.</summary>
    public string Device { get; }

    /// <summary>The smoothed loss.</summary>
    public double Loss => this.sum / this.weight;

    /// <summary>The newest step of this process or an earlier one; null before the first.</summary>
    public TrainingStep? Last => this.history.Count == 0 ? null : this.history[^1];

    /// <summary>The time this process trained.</summary>
    public TimeSpan Elapsed { get; private set; }

    /// <summary>The newest samples; null where none were drawn.</summary>
    public TrainingSamples? Samples { get; private set; }

    /// <summary>Shows <paramref name="training"/> until it ends.</summary>
    public async Task RunAsync(Func<Task> training, long first)
    {
        if (!this.screen.IsLive)
        {
            await training().ConfigureAwait(false);
            return;
        }

        long steps = this.folder.Config.Training.Steps;
        await this.screen.Console.Progress()
            .AutoRefresh(true)
            .Columns(
                new ProgressBarColumn { Width = 32 }, new PercentageColumn(), new TextColumn(() => this.Progress(first, steps)))
            .StartAsync(async context =>
            {
                this.bar = context.AddTask("train", maxValue: steps);
                this.bar.Value = first;
                await training().ConfigureAwait(false);
            })
            .ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void OnStep(TrainingStep report)
    {
        bool isFirst = this.Elapsed == TimeSpan.Zero;
        this.history.Add(report);
        this.Smooth(report);
        this.Elapsed = report.Elapsed;
        if (this.bar is { } live)
        {
            live.Value = report.Step;
        }
        else if (isFirst || report.Step == report.Steps || Stopwatch.GetElapsedTime(this.lastLine) >= PlainEvery)
        {
            this.lastLine = Stopwatch.GetTimestamp();
            this.screen.Line(this.Progress(report.Step, report.Steps).Replace("  ", ", ", StringComparison.Ordinal));
        }
    }

    /// <inheritdoc/>
    public void OnSamples(TrainingSamples samples)
    {
        this.Samples = samples;
        string name = string.Create(CultureInfo.InvariantCulture, $"step-{samples.Step:d6}");
        SamplePictures.WriteSheets(Path.Combine(this.folder.SamplesPath, name), samples, this.folder.Config);
        this.WritePlot();
    }

    /// <inheritdoc/>
    public void OnCheckpoint(long done, string path)
    {
        // The bar and the final lines say all that a person needs; where a run is killed, --resume finds it.
    }

    /// <summary>Draws how the loss fell so far.</summary>
    public void WritePlot()
    {
        if (this.history.Any(s => double.IsFinite(s.Loss)))
        {
            LossPlot.Write(
                Path.Combine(this.folder.Path, "loss"), [.. this.history.Select(s => (s.Step, s.Loss))],
                $"Loss of {Path.GetFileName(Path.TrimEndingDirectorySeparator(this.folder.Path))}",
                new() { LossLabel = "mean loss of a step" });
        }
    }

    private string Progress(long step, long steps)
    {
        if (this.Last is not { } last || this.Elapsed == TimeSpan.Zero)
        {
            return string.Create(CultureInfo.InvariantCulture, $"step {step:n0}/{steps:n0}  compiling kernels");
        }

        return string.Create(
            CultureInfo.InvariantCulture,
            $"step {last.Step:n0}/{last.Steps:n0}  loss {this.Loss:0.0000}  {Format.Count(Math.Round(last.SamplesPerSecond))} samples/s  {Format.Time(last.Remaining)} left");
    }

    private void Smooth(TrainingStep step)
    {
        this.sum = (Smoothing * this.sum) + ((1 - Smoothing) * step.Loss);
        this.weight = (Smoothing * this.weight) + (1 - Smoothing);
    }
}
