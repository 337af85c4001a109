using System.CommandLine;

namespace DimIlgpu.Cli.Commands;

internal static class BenchCommand
{
    public static Command Create(Terminal terminal) => new("bench", terminal.ToString());
}
