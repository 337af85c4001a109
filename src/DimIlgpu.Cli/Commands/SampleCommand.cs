using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using DimIlgpu.Cli.Options;
using DimIlgpu.Cli.Screens;
using DimIlgpu.Cli.Training;
using DimIlgpu.Imaging;
using DimIlgpu.Model;
using DimIlgpu.Model.Training;
using DimIlgpu.Model.Weights;

namespace DimIlgpu.Cli.Commands;

/// <summary><c>dim sample</c>: draws from a checkpoint and writes pictures.</summary>
internal sealed class SampleCommand
{
    private readonly Terminal terminal;
    private readonly SampleOptions options = new();
    private readonly DeviceChoice device = new();
    private readonly Option<string?> checkpoint = Typed.Text("--checkpoint", "A checkpoint or a run; the newest run in runs/ by default, before there is one a network that comes with dim (Fashion-MNIST).", "FILE|RUN");
    private readonly Option<string?> output = Typed.Text("--out", "A folder for all files, or a .png (of clips .webp) for the grid alone.", "PATH");
    private readonly Option<bool> json = Typed.Switch("--json", "Write what was done to the output as one line of JSON.");

    private SampleCommand(Terminal terminal) => this.terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        SampleCommand sample = new(terminal);
        Command command = new("sample", "Draws samples from a trained network. Ctrl-C keeps the finished ones.")
        {
            sample.checkpoint,
            sample.output,
        };
        foreach (Option option in sample.options.All)
        {
            command.Options.Add(option);
        }

        sample.device.AddTo(command);
        command.Options.Add(sample.json);
        command.SetAction(sample.RunAsync);
        HelpWithExamples.AddTo(command,
        [
            ("dim sample", "a few of each class from the newest run, or from the network that comes with dim"),
            ("dim sample --class red-circle --count 16 --guidance 3 --seed 7", "one class, well guided"),
            ("dim sample --checkpoint runs/digits --sampler euler --steps 20 --out digits.png", "one picture, quickly"),
            ("dim sample --count 4 --show-steps", "and how noise becomes a picture"),
        ]);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Screen screen = this.terminal.Screen(parsed.GetValue(this.json));
        string source = parsed.GetValue(this.checkpoint) ?? RunCatalog.NewestOrShipped();
        string file = CheckpointFile.Find(source);
        (RunConfig config, long step) = Checkpoint.ReadHeader(file);
        GenerationOptions generation = this.options.Read(parsed, config);
        if (!SamplePictures.CanShow(config))
        {
            throw new UsageException(
                $"{source} generates latents of {config.Model.Sample.Channels} channels, which need their own decoder; draw them with DimPipeline.GenerateValuesAsync.");
        }

        SampleFiles files = new(parsed.GetValue(this.output) ?? DefaultFolder(source), config);
        await using DimPipeline pipeline = await Task.Run(
            () => DimPipeline.Load(file, this.device.Id(parsed), this.device.Options(parsed)), cancellation).ConfigureAwait(false);
        screen.Line("Device", pipeline.DeviceName);
        screen.Line("Network", string.Create(CultureInfo.InvariantCulture, $"{Format.Path(file)}, after step {step:n0}"));

        Stopwatch clock = Stopwatch.StartNew();
        List<GeneratedSample> drawn = [];
        bool cancelled = false;
        try
        {
            _ = await Work.RunAsync(
                screen, string.Create(CultureInfo.InvariantCulture, $"Drawing {generation.Labels.Count} samples"),
                p => CollectAsync(pipeline, generation, drawn, p, cancellation)).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            cancelled = true;
        }

        double seconds = clock.Elapsed.TotalSeconds;
        GeneratedSample[] finished = [.. drawn.Where(s => s.IsFinal).OrderBy(s => s.Index)];
        IReadOnlyList<string> written = files.Write(finished, [.. drawn.Where(s => !s.IsFinal)]);
        this.Show(parsed, screen, new(
            cancelled ? "cancelled" : "completed", file, step, pipeline.DeviceName, finished.Length,
            [.. finished.Select(s => s.ClassName)], seconds, finished.Length / seconds, written));
        return cancelled ? ExitCode.Cancelled : ExitCode.Success;
    }

    private static async Task<int> CollectAsync(
        DimPipeline pipeline, GenerationOptions generation, List<GeneratedSample> drawn, IProgress<double> progress, CancellationToken cancellation)
    {
        await foreach (GeneratedSample sample in pipeline.GenerateEachAsync(generation, new Fraction(progress), cancellation).ConfigureAwait(false))
        {
            drawn.Add(sample);
        }

        return drawn.Count;
    }

    private void Show(ParseResult parsed, Screen screen, SampleReport report)
    {
        if (report.Status == "cancelled")
        {
            screen.Line("Stopped", report.Samples == 0 ? "before any sample was finished" : "the finished samples are kept");
        }

        screen.Line("Samples", string.Create(
            CultureInfo.InvariantCulture, $"{report.Samples} in {Format.Time(TimeSpan.FromSeconds(report.Seconds))}, {Format.Three(report.SamplesPerSecond)} a second"));
        const int shown = 3;
        foreach (string path in report.Files.Take(shown))
        {
            screen.Line("Wrote", Format.Path(path));
        }

        if (report.Files.Count > shown)
        {
            screen.Line("", $"and {report.Files.Count - shown} more beside {(report.Files.Count - shown == 1 ? "it" : "them")}");
        }

        if (parsed.GetValue(this.json))
        {
            this.terminal.WriteJson(report);
        }
    }

    private static string DefaultFolder(string source)
    {
        string time = DateTime.UtcNow.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
        return Directory.Exists(source) ? Path.Combine(source, "samples", $"drawn-{time}") : $"samples-{time}";
    }

    private sealed record SampleReport(
        string Status, string Checkpoint, long Step, string Device, int Samples, IReadOnlyList<string> Classes, double Seconds,
        double SamplesPerSecond, IReadOnlyList<string> Files);

    private sealed class Fraction(IProgress<double> progress) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => progress.Report(value.Fraction);
    }
}
