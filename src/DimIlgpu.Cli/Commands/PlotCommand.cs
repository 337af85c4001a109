using System.CommandLine;
using DimIlgpu.Cli.Options;
using DimIlgpu.Cli.Screens;
using DimIlgpu.Imaging;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Cli.Commands;

/// <summary><c>dim plot</c>: how the losses of runs fell, in one picture.</summary>
internal static class PlotCommand
{
    public static Command Create(Terminal terminal)
    {
        Argument<string[]> runs = new("runs")
        {
            Description = "Runs to compare; the newest in runs/ by default.", HelpName = "RUN", Arity = ArgumentArity.ZeroOrMore,
        };
        Option<string?> output = Typed.Text("--out", "The picture, .png with an .svg beside it; loss.png by default.", "FILE");
        Option<string?> title = Typed.Text("--title", "Its headline.", "TEXT");
        Command command = new("plot", "Draws how the loss of runs fell.") { runs, output, title };
        command.SetAction(parsed =>
        {
            string[] named = parsed.GetValue(runs) is { Length: > 0 } given ? given : [RunCatalog.Newest()];
            (string Name, IReadOnlyList<(long Step, double Loss)> Points)[] losses = [.. named.Select(Losses)];
            string target = parsed.GetValue(output) ?? "loss.png";
            LossPlot.Write(
                Path.ChangeExtension(target, null), losses[0].Points, parsed.GetValue(title) ?? $"Loss of {string.Join(", ", losses.Select(l => l.Name))}",
                new() { Name = losses[0].Name, Compared = losses[1..], LossLabel = "mean loss of a step" });
            terminal.Screen(json: false).Line("Wrote", Format.Path(Path.ChangeExtension(target, ".png")));
            return ExitCode.Success;
        });
        HelpWithExamples.AddTo(command,
        [
            ("dim plot", "the newest run"),
            ("dim plot runs/bf16 runs/fp32 --out precision.png", "two runs in one picture"),
        ]);
        return command;
    }

    private static (string Name, IReadOnlyList<(long Step, double Loss)> Points) Losses(string run)
    {
        RunFolder folder = RunFolder.Open(run);
        (long Step, double Loss)[] points = [.. folder.Metrics().Select(s => (s.Step, s.Loss))];
        return points.Any(p => double.IsFinite(p.Loss))
            ? (Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(run))), points)
            : throw new UsageException($"The run {run} has no finite loss yet.");
    }
}
