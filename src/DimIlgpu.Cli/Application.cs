using System.CommandLine;
using DimIlgpu.Cli.Commands;

namespace DimIlgpu.Cli;

/// <summary>The <c>dim</c> command, apart from the process that it runs in.</summary>
internal static class Application
{
    /// <summary>Runs one command line.</summary>
    /// <param name="args">Its words.</param>
    /// <param name="output">For results.</param>
    /// <param name="error">For mistakes, one line each.</param>
    /// <param name="cancellation">Ends it soon, with what was done so far kept.</param>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(
        IReadOnlyList<string> args, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        Terminal terminal = new(output, error);
        Option<bool> debug = new("--debug") { Description = "Show where an error came from.", Recursive = true };
        RootCommand root = new("Trains and samples bidirectional Diffusion Mamba networks for images and video.")
        {
            TrainCommand.Create(terminal),
            SampleCommand.Create(terminal),
            InfoCommand.Create(terminal),
            ExportCommand.Create(terminal),
            PlotCommand.Create(terminal),
            DevicesCommand.Create(terminal),
            BenchCommand.Create(terminal),
            debug,
        };
        HelpWithExamples.AddTo(root, Examples);
        ParseResult parsed = root.Parse(args.Count == 0 ? ["--help"] : args);
        try
        {
            if (parsed.Errors.Count > 0)
            {
                throw new UsageException(Complaint(parsed));
            }

            InvocationConfiguration configuration = new()
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return await parsed.InvokeAsync(configuration, cancellation).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            int code = Mistake.ExitCodeOf(fault);
            string line = code == ExitCode.Cancelled ? "Cancelled." : Mistake.Sentence(fault);
            await error.WriteLineAsync(parsed.GetValue(debug) ? fault.ToString() : $"dim: {line}").ConfigureAwait(false);
            return code;
        }
    }

    private static (string Command, string Meaning)[] Examples { get; } =
    [
        ("dim train", "train on procedural shapes; needs nothing but this machine"),
        ("dim sample --class \"red circle\" --count 8", "draw from the newest run"),
        ("dim info --size DiM-XL/2 --resolution 32 --channels 4", "what a network costs"),
    ];

    private static string Complaint(ParseResult parsed)
    {
        string complaint = parsed.UnmatchedTokens.Count > 0
            ? $"There is no command or option '{parsed.UnmatchedTokens[0]}' here"
            : parsed.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.');
        string help = parsed.CommandResult.Command is RootCommand ? "dim --help" : $"dim {parsed.CommandResult.Command.Name} --help";
        return $"{complaint}; see '{help}'.";
    }
}
