namespace DimIlgpu.Cli;

/// <summary>What the process returns.</summary>
internal static class ExitCode
{
    public const int Success = 0, Failure = 1, Usage = 2, Cancelled = 130;
}
