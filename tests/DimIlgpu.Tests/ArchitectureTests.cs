using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>Dependencies run one way: Cli → Imaging → Model → Autograd → Kernels → ILGPU.</summary>
/// <remarks>Read from the metadata of the assemblies, so a type that is used anywhere in a body counts.</remarks>
public sealed class ArchitectureTests
{
    private const string Kernels = "DimIlgpu.Kernels", Autograd = "DimIlgpu.Autograd", Model = "DimIlgpu.Model";
    private const string Imaging = "DimIlgpu.Imaging", Bench = "DimIlgpu.Bench", Cli = "dim";

    private static readonly string[] Codecs = ["SkiaSharp", "ScottPlot", "HarfBuzzSharp"];

    /// <summary>Each assembly, and those of the project that it may use.</summary>
    public static TheoryData<string, string[]> Layers => new()
    {
        { Kernels, [] },
        { Autograd, [Kernels] },
        { Model, [Kernels, Autograd] },
        { Imaging, [Kernels, Autograd, Model] },
        { Bench, [Kernels, Autograd, Model] },
        { Cli, [Kernels, Autograd, Model, Imaging, Bench] },
    };

    [Theory, MemberData(nameof(Layers))]
    public void Dependencies_run_one_way(string assembly, string[] allowed) => Assert.All(
        References(assembly).Where(r => r.StartsWith("DimIlgpu", StringComparison.Ordinal) || r == Cli),
        reference => Assert.Contains(reference, allowed));

    [Theory]
    [InlineData(Kernels)]
    [InlineData(Autograd)]
    [InlineData(Model)]
    public void The_core_needs_nothing_but_the_runtime_and_Ilgpu(string assembly) => Assert.All(
        References(assembly).Where(r => !r.StartsWith("DimIlgpu", StringComparison.Ordinal)),
        reference => Assert.True(
            reference.StartsWith("System", StringComparison.Ordinal) ||
            (assembly == Kernels && reference is "ILGPU" or "ILGPU.Algorithms"),
            $"{assembly} references {reference}."));

    // No reference and no type reference: then no signature, field or body of these can mention such a type.
    [Theory]
    [InlineData(Autograd)]
    [InlineData(Model)]
    [InlineData(Imaging)]
    [InlineData(Cli)]
    public void Only_Kernels_knows_Ilgpu(string assembly)
    {
        Assert.DoesNotContain(References(assembly), r => r.StartsWith("ILGPU", StringComparison.Ordinal));
        Assert.DoesNotContain(Types(assembly), t => t.StartsWith("ILGPU.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Kernels)]
    [InlineData(Autograd)]
    [InlineData(Model)]
    [InlineData(Bench)]
    [InlineData(Cli)]
    public void Only_Imaging_knows_a_codec(string assembly) =>
        Assert.DoesNotContain(References(assembly), r => Codecs.Contains(r, StringComparer.Ordinal));

    [Fact]
    public void Imaging_shows_no_codec_to_its_callers()
    {
        const BindingFlags Members = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        IEnumerable<(MemberInfo Member, Type Type)> shown = Assembly.Load(Imaging).GetExportedTypes().SelectMany(type =>
            type.GetMethods(Members).SelectMany(m => m.GetParameters().Select(p => ((MemberInfo)m, p.ParameterType)).Append((m, m.ReturnType)))
                .Concat(type.GetConstructors(Members).SelectMany(c => c.GetParameters().Select(p => ((MemberInfo)c, p.ParameterType))))
                .Concat(type.GetProperties(Members).Select(p => ((MemberInfo)p, p.PropertyType)))
                .Concat(type.GetFields(Members).Select(f => ((MemberInfo)f, f.FieldType))));
        Assert.All(shown, s => Assert.False(
            Codecs.Contains(s.Type.Assembly.GetName().Name, StringComparer.Ordinal), $"{s.Member.DeclaringType}.{s.Member.Name} shows {s.Type}."));
    }

    [Theory]
    [InlineData(Kernels)]
    [InlineData(Autograd)]
    [InlineData(Model)]
    [InlineData(Imaging)]
    [InlineData(Bench)]
    public void Only_Cli_knows_a_console(string assembly)
    {
        Assert.DoesNotContain("System.Console", Types(assembly));
        Assert.DoesNotContain("Spectre.Console", References(assembly));
        Assert.DoesNotContain("System.CommandLine", References(assembly));
    }

    private static string[] References(string assembly) => Read(
        assembly, m => m.AssemblyReferences.Select(h => m.GetString(m.GetAssemblyReference(h).Name)));

    private static string[] Types(string assembly) => Read(assembly, m => m.TypeReferences.Select(h => m.GetTypeReference(h))
        .Select(t => $"{m.GetString(t.Namespace)}.{m.GetString(t.Name)}"));

    private static string[] Read(string assembly, Func<MetadataReader, IEnumerable<string>> names)
    {
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, $"{assembly}.dll"));
        using PEReader portable = new(file);
        return [.. names(portable.GetMetadataReader())];
    }
}
