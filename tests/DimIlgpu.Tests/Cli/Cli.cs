using DimIlgpu.Cli;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>Runs <c>dim</c> in this process.</summary>
internal static class Cli
{
    /// <summary>The smallest network that trains: seconds, not minutes.</summary>
    public static readonly string[] Nano = ["--size", "DiM-Na/8", "--batch", "2", "--device", "cpu", "--threads", "2"];

    public static Task<CliResult> RunAsync(IEnumerable<string> args) => RunUntilAsync(args, CancellationToken.None);

    public static async Task<CliResult> RunUntilAsync(IEnumerable<string> args, CancellationToken cancellation)
    {
        using StringWriter output = new(), error = new();
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(cancellation, TestContext.Current.CancellationToken);
        int code = await Application.RunAsync([.. args], output, error, linked.Token);
        return new(code, output.ToString(), error.ToString());
    }

    /// <summary>Trains a nano network for some steps, and measures as many samples at the end.</summary>
    public static Task<CliResult> TrainAsync(string folder, int steps, int report, params string[] more) =>
        RunAsync(["train", "--out", folder, "--steps", $"{steps}", "--report", $"{report}", .. Nano, .. more]);

    /// <summary>Trains a nano network for some steps.</summary>
    public static Task<CliResult> TrainAsync(string folder, int steps, params string[] more) => TrainAsync(folder, steps, 0, more);

    /// <summary>The names of the files in a folder and below it, with their lengths and times.</summary>
    public static string[] Listing(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(f => $"{f} {new FileInfo(f).Length} {File.GetLastWriteTimeUtc(f):o}")];
}

/// <summary>What a command came to.</summary>
internal sealed record CliResult(int Code, string Output, string Error)
{
    /// <summary>The one line of stderr of a command that failed with that code.</summary>
    public string Mistake(int code)
    {
        Assert.Equal(code, this.Code);
        string line = Assert.Single(this.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("dim: ", line, StringComparison.Ordinal);
        Assert.EndsWith(".", line, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", line, StringComparison.Ordinal);
        return line;
    }
}
