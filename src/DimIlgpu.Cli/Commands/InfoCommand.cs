using System.CommandLine;
using System.Globalization;
using DimIlgpu.Cli.Options;
using DimIlgpu.Cli.Screens;
using DimIlgpu.Kernels;
using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Training;
using DimIlgpu.Model.Weights;
using Spectre.Console;

namespace DimIlgpu.Cli.Commands;

/// <summary><c>dim info</c>: what a checkpoint holds, or what a network costs before it is made.</summary>
internal sealed class InfoCommand
{
    private readonly Terminal terminal;

    private readonly Argument<string?> source = new("checkpoint")
    {
        Description = "A checkpoint or a run; the newest run in runs/ if neither it nor --size is given.",
        HelpName = "CHECKPOINT|RUN",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<string?> size = Typed.Text(
        "--size", $"A named network instead: {string.Join(", ", DimSizes.Names)} and a patch.", "DiM-XL/2");

    private readonly Option<int?> resolution = Typed.Number("--resolution", "Side of its samples; 32 by default.", 1, (int?)4096);
    private readonly Option<int?> channels = Typed.Number("--channels", "Channels of its samples; 4 by default.", 1, (int?)4096);
    private readonly Option<int?> frames = Typed.Number("--frames", "Frames of its samples; 1 by default.", 1, (int?)4096);
    private readonly Option<int?> classes = Typed.Number("--classes", "Its classes; 1000 by default.", 1, (int?)10_000_000);
    private readonly Option<int?> batch = Typed.Number("--batch", "Samples of one evaluation, for the memory.", 1, (int?)65536);
    private readonly Option<bool> checkpointBlocks = Typed.Switch("--checkpoint-blocks", "As of dim train, for the memory.");
    private readonly Option<bool> memory = Typed.Switch("--memory", "Tell what takes the memory, with and without --checkpoint-blocks.");
    private readonly Option<DeviceKind?> device = Typed.Choice(
        "--device", "The kind of device that memory is planned for, which need not be there; cuda by default.",
        ("cpu", DeviceKind.Cpu), ("opencl", DeviceKind.OpenCl), ("cuda", DeviceKind.Cuda));

    private readonly Option<MatrixPrecision?> precision = Typed.Choice(
        "--precision", "As of dim train, for the memory.",
        ("fp32", MatrixPrecision.Float32), ("tf32", MatrixPrecision.TensorFloat32), ("bf16", MatrixPrecision.BFloat16));

    private readonly Option<bool> json = Typed.Switch("--json", "Write one line of JSON.");

    private InfoCommand(Terminal terminal) => this.terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        InfoCommand info = new(terminal);
        Command command = new("info", "Tells what a checkpoint holds, or what a network would cost.")
        {
            info.source,
            info.size,
            info.resolution,
            info.channels,
            info.frames,
            info.classes,
            info.batch,
            info.checkpointBlocks,
            info.memory,
            info.device,
            info.precision,
            info.json,
        };
        command.SetAction(info.Run);
        HelpWithExamples.AddTo(command,
        [
            ("dim info", "the newest run"),
            ("dim info runs/digits/checkpoints/step-000001000.safetensors --json", "one checkpoint, for a script"),
            ("dim info --size DiM-XL/2 --resolution 32 --channels 4 --classes 1000 --batch 8", "does it fit the GPU?"),
            ("dim info --size DiM-XL/2 --batch 64 --precision bf16 --memory", "what takes the memory, and does checkpointing blocks help?"),
        ]);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string? named = parsed.GetValue(this.size);
        string? path = parsed.GetValue(this.source);
        if (named is not null && path is not null)
        {
            throw new UsageException("Name a checkpoint or a --size, not both.");
        }

        NetworkFacts facts = named is null ? this.OfCheckpoint(parsed, path ?? RunCatalog.Newest()) : this.OfSize(parsed, named);
        if (parsed.GetValue(this.json))
        {
            this.terminal.WriteJson(facts);
        }
        else
        {
            Show(this.terminal.Screen(json: false), facts);
        }

        return ExitCode.Success;
    }

    private NetworkFacts OfCheckpoint(ParseResult parsed, string path)
    {
        Option? misplaced = new Option[] { this.resolution, this.channels, this.frames, this.classes }.FirstOrDefault(parsed.IsGiven);
        if (misplaced is not null)
        {
            throw new UsageException($"{misplaced.Name} goes with --size; a checkpoint has its own.");
        }

        string file = CheckpointFile.Find(path);
        (RunConfig config, long step) = Checkpoint.ReadHeader(file);
        return this.Facts(parsed, config) with
        {
            Checkpoint = file,
            FileBytes = new FileInfo(file).Length,
            Step = step,
            Steps = config.Training.Steps,
            Objective = config.Diffusion.Objective,
            Data = config.Data,
            Classes = config.Classes,
        };
    }

    private NetworkFacts OfSize(ParseResult parsed, string name)
    {
        int side = parsed.GetValue(this.resolution) ?? 32;
        DimOptions options = DimSizes.Apply(name, new()
        {
            Sample = new SampleShape(parsed.GetValue(this.frames) ?? 1, side, side, parsed.GetValue(this.channels) ?? 4),
            Classes = parsed.GetValue(this.classes) ?? 1000,
        });
        return this.Facts(parsed, new() { Model = options, Data = name, Training = new() { BatchSize = 1 } });
    }

    private NetworkFacts Facts(ParseResult parsed, RunConfig config) => NetworkFacts.Of(
        config with
        {
            Training = config.Training with
            {
                BatchSize = parsed.GetValue(this.batch) ?? config.Training.BatchSize,
                CheckpointBlocks = parsed.GetValue(this.checkpointBlocks) || config.Training.CheckpointBlocks,
            },
        },
        parsed.GetValue(this.device) ?? DeviceKind.Cuda,
        new() { MatrixPrecision = parsed.GetValue(this.precision) ?? MatrixPrecision.Float32 },
        parsed.GetValue(this.memory));

    private static void Show(Screen screen, NetworkFacts facts)
    {
        Table table = Screen.Table("Network", "");
        if (facts.Checkpoint is { } file)
        {
            Add("checkpoint", $"{Format.Path(file)}, {Format.Bytes(facts.FileBytes ?? 0)}");
            Add("trained", string.Create(
                CultureInfo.InvariantCulture, $"{facts.Step:n0} of {facts.Steps:n0} steps, {facts.Objective?.ToString().ToLowerInvariant()} objective"));
            Add("data", Format.Path(facts.Data ?? ""));
            Add("classes", ClassList(facts.Classes ?? []));
        }

        Add("samples", facts.Sample);
        Add("blocks", string.Create(CultureInfo.InvariantCulture, $"{facts.Depth} of width {facts.Width}, {facts.States} states a channel"));
        Add("tokens", string.Create(CultureInfo.InvariantCulture, $"{facts.Tokens:n0}, patch {facts.Patch}"));
        Add("parameters", string.Create(CultureInfo.InvariantCulture, $"{Format.Count(facts.Parameters)}  ({facts.Parameters:n0})"));
        Add("one forward pass", $"{Format.Three(facts.MultiplyAdds / 1e9)} GMACs, {Format.Count(facts.ScanStates)} scan states");
        Add("memory to train", $"{Format.Bytes(facts.TrainingBytes)} at batch {facts.Batch}");
        Add("memory to sample", $"{Format.Bytes(facts.SamplingBytes)} at batch {facts.Batch}, guided");
        screen.Write(table);
        if (facts.Memory is { } memory)
        {
            Show(screen, memory, facts.Batch);
        }

        void Add(string what, string value) => table.AddRow(Markup.Escape(what), Markup.Escape(value));
    }

    private static void Show(Screen screen, MemoryFacts memory, int batch)
    {
        Table table = Screen.Table($"Memory at batch {batch}", "train", "train --checkpoint-blocks", "sample");
        Add("weights", p => p.Weights);
        Add("gradients", p => p.Gradients);
        Add("moments of the optimiser", p => p.Moments);
        Add("moving average", p => p.Average);
        Add("activations", p => p.Activations);
        Add("scratch", p => p.Scratch);
        Add("inputs and tables", p => p.Inputs);
        Add("grid of samples, while drawn", p => p.Grid);
        Add("in all", p => p.Total);
        screen.Write(table);
        screen.Line($"For {memory.Device}, {memory.Precision}. The driver keeps some hundred MiB for itself beside it.");

        void Add(string what, Func<MemoryPlan, long> bytes) => table.AddRow(
            Markup.Escape(what), Format.Bytes(bytes(memory.Train)), Format.Bytes(bytes(memory.TrainCheckpointingBlocks)),
            Format.Bytes(bytes(memory.Sample)));
    }

    private static string ClassList(IReadOnlyList<string> names)
    {
        const int most = 12;
        string rest = names.Count > most ? ", …" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{names.Count}: {string.Join(", ", names.Take(most))}{rest}");
    }
}
