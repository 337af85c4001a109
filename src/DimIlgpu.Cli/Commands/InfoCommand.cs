using System.CommandLine;

namespace DimIlgpu.Cli.Commands;

internal static class InfoCommand
{
    public static Command Create(Terminal terminal) => new("info", terminal.ToString());
}
