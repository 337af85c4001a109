using System.CommandLine;
using System.Globalization;
using DimIlgpu.Cli.Options;
using DimIlgpu.Cli.Screens;
using DimIlgpu.Cli.Training;
using DimIlgpu.Imaging;
using DimIlgpu.Kernels;
using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Cli.Commands;

/// <summary><c>dim train</c>: trains a network, or goes on with a run.</summary>
internal sealed class TrainCommand
{
    private readonly Terminal terminal;
    private readonly TrainOptions options = new();
    private readonly DeviceChoice device = new();
    private readonly Option<string?> output = Typed.Text("--out", "The folder of the run; runs/DATA-TIME by default.", "FOLDER");

    private readonly Option<string?> resume = new("--resume")
    {
        Description = "Go on with a run, the newest in runs/ if none is named.",
        HelpName = "FOLDER",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<double?> guidance = Typed.Number<double>("--guidance", "Guidance of the samples that the final report measures; 3 by default.", 0);
    private readonly Option<int?> report = Typed.Number(
        "--report", "Samples of shapes that the final report classifies and compares; 256 by default, 0 for none.", 0, (int?)100_000);

    private readonly Option<bool> json = Typed.Switch("--json", "Write the final report to the output as one line of JSON.");

    private TrainCommand(Terminal terminal) => this.terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        TrainCommand train = new(terminal);
        Command command = new("train", "Trains a network; with no option at all, on procedural shapes. Ctrl-C saves and stops.");
        foreach (Option option in train.options.All)
        {
            command.Options.Add(option);
        }

        command.Options.Add(train.output);
        command.Options.Add(train.resume);
        command.Options.Add(train.guidance);
        command.Options.Add(train.report);
        train.device.AddTo(command);
        command.Options.Add(train.json);
        command.SetAction(train.RunAsync);
        HelpWithExamples.AddTo(command,
        [
            ("dim train", "shapes at 16×16, with a preset for a CPU of two cores"),
            ("dim train --data cifar10.tar.gz --size DiM-S/2 --steps 100000 --device cuda", "CIFAR-10 on a GPU"),
            ("dim train --data mnist/ --no-flip --out runs/digits", "idx files as they are downloaded"),
            ("dim train --resume", "the newest run, from its last checkpoint"),
        ]);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        bool isJson = parsed.GetValue(this.json);
        Screen screen = this.terminal.Screen(isJson);
        string? resumed = this.Resumed(parsed);
        RunFolder? folder = resumed is null ? null : RunFolder.Open(resumed);
        string name = folder?.Config.Data ?? parsed.GetValue(this.options.Data) ?? "shapes";
        DataSetOptions reading = folder?.Config.DataOptions ?? this.options.DataOptions(parsed);
        IDataSet data = await Work.RunAsync(
            screen, $"Reading {name}", p => Task.Run(() => DataSets.Open(name, reading, new SkiaImageCodec(), p, cancellation), cancellation))
            .ConfigureAwait(false);
        RunConfig config = folder?.Config ?? this.options.Configure(parsed, Absolute(name), data);

        TrainingDisplay display;
        using (Device opened = this.device.Open(parsed))
        {
            // Last of all, so that a mistake above leaves nothing behind.
            folder ??= RunFolder.Create(parsed.GetValue(this.output) ?? RunCatalog.NewName(name, DateTime.UtcNow), config);
            using Trainer trainer = Trainer.Open(folder, data, opened);
            Describe(screen, folder, data, opened, trainer.Step);
            display = new(screen, folder, opened.Name);
            try
            {
                await display.RunAsync(() => trainer.RunAsync(display, cancellation), trainer.Step).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                display.WritePlot();
                this.Stopped(screen, isJson, folder, trainer.Step);
                return ExitCode.Cancelled;
            }
        }

        try
        {
            FinalReport report = await FinalReport.MakeAsync(
                screen, folder, data, display, parsed.GetValue(this.report) ?? FinalReport.MeasuredSamples, parsed.GetValue(this.guidance) ?? 3,
                () => DimPipeline.Load(folder.Path, this.device.Id(parsed), this.device.Options(parsed)), cancellation).ConfigureAwait(false);
            report.Show(screen);
            if (isJson)
            {
                this.terminal.WriteJson(report);
            }

            return ExitCode.Success;
        }
        catch (OperationCanceledException)
        {
            this.Stopped(screen, isJson, folder, config.Training.Steps);
            return ExitCode.Cancelled;
        }
    }

    /// <summary>The folder to go on with; null to start anew.</summary>
    private string? Resumed(ParseResult parsed)
    {
        if (!parsed.IsGiven(this.resume))
        {
            return null;
        }

        Option? other = this.options.All.Append(this.output).FirstOrDefault(parsed.IsGiven);
        return other is null
            ? parsed.GetValue(this.resume) ?? RunCatalog.Newest()
            : throw new UsageException($"--resume goes on with what the run was started with, so {other.Name} has no place beside it.");
    }

    private static void Describe(Screen screen, RunFolder folder, IDataSet data, Device device, long step)
    {
        RunConfig config = folder.Config;
        DimOptions model = config.Model;
        DimCost cost = DimCost.Of(model);
        screen.Line("Device", device.Name);
        screen.Line("Data", string.Create(
            CultureInfo.InvariantCulture, $"{data.Name}, {data.Shape}, {data.Classes.Count} {(data.Classes.Count == 1 ? "class" : "classes")}, {data.Count(DataSplit.Train):n0} to train on, {data.Count(DataSplit.HeldOut):n0} held out"));
        screen.Line("Network", $"{model.Depth} blocks of width {model.Width}, patch {model.Patch}, {cost.Tokens} tokens, {Format.Count(cost.Parameters)} parameters");
        screen.Line("Training", string.Create(
            CultureInfo.InvariantCulture,
            $"{config.Diffusion.Objective.ToString().ToLowerInvariant()} objective, {config.Training.Steps:n0} steps of {config.Training.BatchSize * config.Training.Accumulate} samples, learning rate {config.Training.LearningRate}"));
        screen.Line("Run", Format.Path(folder.Path) + (step > 0 ? string.Create(CultureInfo.InvariantCulture, $", going on after step {step:n0}") : ""));
    }

    private void Stopped(Screen screen, bool isJson, RunFolder folder, long step)
    {
        string resume = $"dim train --resume {Format.Path(folder.Path)}";
        screen.Line();
        screen.Line("Stopped", string.Create(CultureInfo.InvariantCulture, $"after step {step:n0}; saved {Format.Path(folder.LatestCheckpoint ?? folder.Path)}"));
        screen.Line("Go on", resume);
        if (isJson)
        {
            this.terminal.WriteJson(new { Status = "cancelled", Run = folder.Path, Step = step, Checkpoint = folder.LatestCheckpoint, Resume = resume });
        }
    }

    /// <summary>A path that still means the same when the run goes on from another folder.</summary>
    private static string Absolute(string data) => data is "shapes" or "moving-shapes" ? data : Path.GetFullPath(data);
}
