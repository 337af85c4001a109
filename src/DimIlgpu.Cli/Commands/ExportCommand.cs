using System.CommandLine;
using DimIlgpu.Cli.Options;
using DimIlgpu.Cli.Screens;
using DimIlgpu.Model.Weights;

namespace DimIlgpu.Cli.Commands;

/// <summary><c>dim export</c>: the weights of a checkpoint alone, for inference.</summary>
internal static class ExportCommand
{
    public static Command Create(Terminal terminal)
    {
        Argument<string?> source = new("checkpoint")
        {
            Description = "A checkpoint or a run; the newest run in runs/ by default.", HelpName = "CHECKPOINT|RUN", Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string?> output = Typed.Text("--out", "The file to write; weights.safetensors by default.", "FILE");
        Option<SafetensorsType?> storage = Typed.Choice(
            "--storage", "How each weight is stored; bf16 by default.", ("bf16", SafetensorsType.BF16), ("fp16", SafetensorsType.F16), ("fp32", SafetensorsType.F32));
        Command command = new("export", "Writes the weights of a checkpoint alone, to sample from; in bf16 that is about an eighth of it.") { source, output, storage };
        command.SetAction(parsed =>
        {
            string file = CheckpointFile.Find(parsed.GetValue(source) ?? RunCatalog.Newest());
            string target = parsed.GetValue(output) ?? "weights.safetensors";
            Checkpoint.Export(file, target, parsed.GetValue(storage) ?? SafetensorsType.BF16);
            terminal.Screen(json: false).Line("Wrote", $"{Format.Path(target)}, {Format.Bytes(new FileInfo(target).Length)}");
            return ExitCode.Success;
        });
        HelpWithExamples.AddTo(command,
        [
            ("dim export --out digits.safetensors", "the newest run, averaged weights in bfloat16"),
            ("dim sample --checkpoint digits.safetensors", "and what it is for"),
        ]);
        return command;
    }
}
