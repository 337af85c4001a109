using System.Runtime.CompilerServices;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>Finds the real data that may lie beside the repository; tests on them are skipped where they do not.</summary>
internal static class SharedData
{
    /// <summary>The path of ../shared/data/<paramref name="name"/>, or a skip that says what is missing.</summary>
    public static string Find(string name, [CallerFilePath] string caller = "")
    {
        // caller is tests/DimIlgpu.Tests/Data/X.cs below the root of the repository.
        string root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(caller)!, "..", "..", ".."));
        string path = Path.GetFullPath(Path.Combine(root, "..", "shared", "data", name));
        Assert.SkipUnless(File.Exists(path) || Directory.Exists(path), $"shared/data/{name} is not beside the repository.");
        return path;
    }
}
