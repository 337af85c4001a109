using System.Globalization;

namespace DimIlgpu.Cli;

/// <summary>The runs below runs/.</summary>
internal static class RunCatalog
{
    public const string Root = "runs";

    /// <summary>The run that was last written to.</summary>
    /// <exception cref="UsageException">There is none.</exception>
    public static string Newest() => NewestOrNull() ?? throw new UsageException(
        $"There is no run in {Path.GetFullPath(Root)}; name one, or start one with 'dim train'.");

    /// <summary>The run that was last written to, or before there is one the network that comes with this program.</summary>
    /// <exception cref="UsageException">There is neither.</exception>
    public static string NewestOrShipped(string root = Root) => NewestOrNull(root) ?? (File.Exists(Shipped) ? Shipped : Newest());

    /// <summary>Fashion-MNIST in bfloat16.</summary>
    public static string Shipped { get; } = Path.Combine(AppContext.BaseDirectory, "checkpoints", "fashion-mnist.safetensors");

    private static string? NewestOrNull(string root = Root) => (Directory.Exists(root) ? Directory.EnumerateDirectories(root) : [])
        .Where(run => File.Exists(Path.Combine(run, "config.json")))
        .MaxBy(LastWrite);

    /// <summary>A folder for a new run: runs/shapes-20260131-235959.</summary>
    public static string NewName(string data, DateTime utc)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(data));
        name = string.Concat(name.TakeWhile(c => c != '.').Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-'));
        string stem = Path.Combine(Root, $"{(name.Length == 0 ? "data" : name)}-{utc.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}");
        string free = stem;
        for (int i = 2; Directory.Exists(free); i++)
        {
            free = string.Create(CultureInfo.InvariantCulture, $"{stem}-{i}");
        }

        return free;
    }

    private static DateTime LastWrite(string run)
    {
        string checkpoints = Path.Combine(run, "checkpoints");
        string newest = Directory.Exists(checkpoints)
            ? Directory.EnumerateFiles(checkpoints).Append(Path.Combine(run, "config.json")).MaxBy(File.GetLastWriteTimeUtc)!
            : Path.Combine(run, "config.json");
        return File.GetLastWriteTimeUtc(newest);
    }
}
