using System.CommandLine;

namespace DimIlgpu.Cli.Commands;

internal static class DevicesCommand
{
    public static Command Create(Terminal terminal) => new("devices", terminal.ToString());
}
