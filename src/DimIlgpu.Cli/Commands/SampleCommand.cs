using System.CommandLine;

namespace DimIlgpu.Cli.Commands;

internal static class SampleCommand
{
    public static Command Create(Terminal terminal) => new("sample", terminal.ToString());
}
