using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>What the compiler cannot hold: where files are, and which words appear in them.</summary>
public sealed partial class ConventionTests
{
    public static TheoryData<string> Operators => Folders("src/DimIlgpu.Kernels/Operators");

    public static TheoryData<string> Updates => Folders("src/DimIlgpu.Kernels/Updates");

    private static string Root { get; } = RepositoryRoot();

    [Theory, MemberData(nameof(Operators))]
    public void An_operator_has_its_files_and_mirrors(string name) => AllExist(
        $"src/DimIlgpu.Kernels/Operators/{name}/{name}.cs",
        $"src/DimIlgpu.Kernels/Operators/{name}/{name}.Kernels.cs",
        $"src/DimIlgpu.Kernels/Operators/{name}/{name}.Reference.cs",
        $"src/DimIlgpu.Autograd/Operators/{name}.cs",
        $"tests/DimIlgpu.Tests/Operators/{name}Tests.cs",
        $"bench/DimIlgpu.Bench/Operators/{name}Benchmark.cs");

    [Theory, MemberData(nameof(Updates))]
    public void An_update_has_its_files_and_mirrors(string name) => AllExist(
        $"src/DimIlgpu.Kernels/Updates/{name}/{name}.cs",
        $"src/DimIlgpu.Kernels/Updates/{name}/{name}.Kernels.cs",
        $"src/DimIlgpu.Kernels/Updates/{name}/{name}.Reference.cs",
        $"tests/DimIlgpu.Tests/Updates/{name}Tests.cs",
        $"bench/DimIlgpu.Bench/Updates/{name}Benchmark.cs");

    [Theory]
    [InlineData("src/DimIlgpu.Autograd/Operators", "", "Operators")]
    [InlineData("bench/DimIlgpu.Bench/Operators", "Benchmark", "Operators")]
    [InlineData("bench/DimIlgpu.Bench/Updates", "Benchmark", "Updates")]
    public void A_mirror_mirrors_something(string folder, string suffix, string kind) => Assert.All(
        Directory.GetFiles(Path.Combine(Root, folder), "*.cs").Select(f => Path.GetFileNameWithoutExtension(f)),
        name =>
        {
            Assert.EndsWith(suffix, name, StringComparison.Ordinal);
            string mirrored = $"src/DimIlgpu.Kernels/{kind}/{name[..^suffix.Length]}";
            Assert.True(Directory.Exists(Path.Combine(Root, mirrored)), $"There is no {mirrored}.");
        });

    [Fact]
    public void Instructions_of_one_back_end_are_in_Platform_alone() => Nowhere(
        InlineAssembly(), Sources("src").Where(f => !f.StartsWith("src/DimIlgpu.Kernels/Platform/", StringComparison.Ordinal)));

    [Fact]
    public void Only_the_command_writes_to_a_console() => Nowhere(
        Output(), Sources("src").Where(f => !f.StartsWith("src/DimIlgpu.Cli/", StringComparison.Ordinal)));

    // Their order of addition would be the scheduler's, and equal seeds would no longer give equal bits.
    [Fact]
    public void No_kernel_uses_an_atomic() => Nowhere(Atomics(), Sources("src"));

    [Fact]
    public void Package_versions_are_in_one_file() => Nowhere(
        PackageVersion(), Files(".", "*.csproj").Concat(Files(".", "*.props")).Concat(Files(".", "*.targets"))
            .Where(f => f != "Directory.Packages.props"));

    private static TheoryData<string> Folders(string parent) =>
        [.. Directory.GetDirectories(Path.Combine(Root, parent)).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    private static void AllExist(params string[] files) =>
        Assert.All(files, f => Assert.True(File.Exists(Path.Combine(Root, f)), $"There is no {f}."));

    /// <summary>Holds the code of files, without its comments, against a pattern that it must not match.</summary>
    private static void Nowhere(Regex pattern, IEnumerable<string> files)
    {
        string[] all = [.. files];
        Assert.NotEmpty(all);
        Assert.Empty(
            from file in all
            from line in File.ReadLines(Path.Combine(Root, file)).Select((text, i) => (Text: Comment().Replace(text, ""), Number: i + 1))
            where pattern.IsMatch(line.Text)
            select $"{file}:{line.Number}: {line.Text.Trim()}");
    }

    private static IEnumerable<string> Sources(string folder) => Files(folder, "*.cs");

    private static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/'))
            .Where(f => !f.Split('/').Any(part => part is "obj" or "bin"));

    private static string RepositoryRoot([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", ".."));

    [GeneratedRegex(@"//.*$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\bCudaAsm\.")]
    private static partial Regex InlineAssembly();

    [GeneratedRegex(@"\b(Trace|Console|Debug)\.(Write|Error|Out|Read|Assert)|\busing static System\.Console")]
    private static partial Regex Output();

    [GeneratedRegex(@"\bAtomic\.")]
    private static partial Regex Atomics();

    [GeneratedRegex(@"<PackageReference[^>]*\bVersion(Override)?=|<PackageVersion\b")]
    private static partial Regex PackageVersion();
}
