using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;
using DimIlgpu.Kernels;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using Xunit;
using KernelSpecialization = ILGPU.Runtime.KernelSpecialization;

namespace DimIlgpu.Tests;

/// <summary>
/// Translates every kernel to PTX and to OpenCL C, without a GPU; where NVIDIA's assembler is found
/// (<c>DIMILGPU_PTXAS</c>, or on the path) the PTX assembles for sm_80 and sm_90 without spills.
/// </summary>
public sealed partial class CompilationTests
{
    public static TheoryData<string> Kernels => [.. Entries.Keys];

    public static TheoryData<string> PortableKernels => [.. Entries.Where(e => e.Value.Entry != "Warps").Select(e => e.Key)];

    /// <summary>Each kernel as often as it has lanes on a GPU.</summary>
    private static Dictionary<string, (Type Kernel, string Entry, Type? Lane)> Entries { get; } = typeof(Arena).Assembly.GetTypes()
        .Where(type => type.IsValueType && !type.IsGenericTypeDefinition)
        .Concat(typeof(Arena).Assembly.GetTypes().SelectMany(type =>
            type.GetCustomAttributes<KernelInstanceAttribute>().Select(a => type.MakeGenericType(a.Arguments))))
        .SelectMany(type => new[]
        {
            (Interface: typeof(IStripKernel), Entry: "Strips"),
            (Interface: typeof(IRowKernel), Entry: "Rows"),
            (Interface: typeof(IGroupKernel), Entry: "Groups"),
            (Interface: typeof(IWarpKernel), Entry: "Warps"),
        }.Where(kind => type.IsAssignableTo(kind.Interface)).SelectMany(kind => Lanes(type, kind.Entry).Select(lane => (type, kind.Entry, Lane: lane))))
        .ToDictionary(k => k.Lane == typeof(QuadLane) ? $"{Name(k.type)} by four" : Name(k.type), k => (k.type, k.Entry, k.Lane));

    [Theory, MemberData(nameof(Kernels))]
    public void Translates_to_Ptx_and_assembles_without_spills(string kernel)
    {
        using Context context = NewContext();
        CudaArchitecture architecture = new(8, 0);
        string own = Target(kernel);
        using PTXBackend backend = new(
            context, new CudaCapabilityContext(architecture), architecture, own.Length > 0 ? new(8, 0) : new CudaInstructionSet(7, 8), null!);
        var compiled = (PTXCompiledKernel)backend.Compile(Entry(kernel, typeof(CudaPlatform)), Registers(kernel));
        if (own.Length > 0)
        {
            CudaFunction.Retarget(compiled, own);
        }

        string ptx = compiled.PTXAssembly;
        Assert.Contains(".entry", ptx, StringComparison.Ordinal);
        if (Environment.GetEnvironmentVariable("DIMILGPU_PTX") is { } folder)
        {
            File.WriteAllText(Path.Combine(folder, $"{kernel}.ptx"), ptx);
        }

        if (Ptxas is null)
        {
            Assert.False(
                (Environment.GetEnvironmentVariable("DIMILGPU_REQUIRE") ?? "").Contains("ptxas", StringComparison.Ordinal),
                "DIMILGPU_REQUIRE asks for ptxas, and it was not found.");
            Assert.Skip("Translated; ptxas was not found, so it was not assembled.");
        }

        string file = Path.Combine(Path.GetTempPath(), $"dimilgpu-{Guid.NewGuid():N}.ptx");
        File.WriteAllText(file, ptx);
        try
        {
            foreach (string target in own.Length > 0 ? [own] : new[] { "sm_80", "sm_90" })
            {
                string report = Run(Ptxas, $"-arch={target} -v -o /dev/null {file}");
                Assert.DoesNotContain("serialized", report, StringComparison.Ordinal);
                MatchCollection spills = SpillPattern().Matches(report);
                Assert.True(spills.Count > 0, report);
                Assert.All(spills, m => Assert.True(
                    m.Groups[1].Value == "0" && m.Groups[2].Value == "0" && m.Groups[3].Value == "0", $"{kernel}, {target}: {report}"));
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    // A device has one context for all of its kernels, in which ILGPU takes two structures for the same whose innermost fields
    // are: the one that comes second is then read as if it were nested like the first, and no kernel translates any more.
    [Fact]
    public void All_translate_in_one_context()
    {
        using Context context = NewContext();
        CudaArchitecture architecture = new(8, 0);
        using PTXBackend backend = new(context, new CudaCapabilityContext(architecture), architecture, new CudaInstructionSet(7, 8), null!);
        Assert.All(Entries.Keys, kernel => backend.Compile(Entry(kernel, typeof(CudaPlatform)), Registers(kernel)));
    }

    [Theory, MemberData(nameof(PortableKernels))]
    public void Translates_to_OpenCl(string kernel)
    {
        using Context context = NewContext();
        using CLBackend backend = new(
            context, new CLCapabilityContext(false, false, false, false, false), CLDeviceVendor.Other, new CLCVersion(2, 0));
        string source = ((CLCompiledKernel)backend.Compile(Entry(kernel, typeof(OpenClPlatform)), default)).Source;
        if (Environment.GetEnvironmentVariable("DIMILGPU_PTX") is { } folder)
        {
            File.WriteAllText(Path.Combine(folder, $"{kernel}.cl"), source);
        }

        Assert.DoesNotContain("sub_group", source, StringComparison.Ordinal);
        Assert.DoesNotMatch(GlobalOnlyBarrier(), source);
    }

    private static string? Ptxas { get; } = new[] { Environment.GetEnvironmentVariable("DIMILGPU_PTXAS") }
        .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(p => Path.Combine(p, "ptxas")))
        .FirstOrDefault(File.Exists);

    private static Context NewContext() => Context.Create(builder => builder.CPU(new CPUDevice(2, 1, 1)).EnableAlgorithms().EnableIntrinsics());

    private static EntryPointDescription Entry(string kernel, Type platform)
    {
        (Type type, string entry, Type? lane) = Entries[kernel];
        MethodInfo method = typeof(KernelEntry).GetMethod(entry)!;
        Dictionary<string, Type?> arguments = new() { ["TKernel"] = type, ["TPlatform"] = platform, ["TLane"] = lane };
        return EntryPointDescription.FromExplicitlyGroupedKernel(
            method.MakeGenericMethod([.. method.GetGenericArguments().Select(a => arguments[a.Name]!)]));
    }

    private static IEnumerable<Type?> Lanes(Type kernel, string entry) => entry switch
    {
        "Rows" => [typeof(ThreadLane), typeof(QuadLane)],
        "Strips" when (int?)kernel.GetProperty(nameof(IStripKernel.MostColumnsPerThread))?.GetValue(null) == 1 => [typeof(ThreadLane)],
        "Strips" => [typeof(ThreadLane), typeof(QuadLane)],
        _ => [null],
    };

    // As the device would ask for it: a limit of registers is where spills come from.
    private static KernelSpecialization Registers(string kernel)
    {
        (Type type, string entry, _) = Entries[kernel];
        string? name = entry == "Groups" ? nameof(KernelEntry.Registers) : entry == "Warps" ? nameof(KernelEntry.WarpRegisters) : null;
        return name is null ? KernelSpecialization.Empty
            : (KernelSpecialization)typeof(KernelEntry).GetMethod(name)!.MakeGenericMethod(type).Invoke(null, null)!;
    }

    private static string Target(string kernel) =>
        (string?)Entries[kernel].Kernel.GetProperty(nameof(IWarpKernel.Target), BindingFlags.Public | BindingFlags.Static)?.GetValue(null) ?? "";

    private static string Name(Type type) => type.IsGenericType
        ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>"
        : type.Name;

    private static string Run(string program, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output + error.Result;
    }

    [GeneratedRegex(@"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")]
    private static partial Regex SpillPattern();

    [GeneratedRegex(@"barrier\(CLK_GLOBAL_MEM_FENCE\)")]
    private static partial Regex GlobalOnlyBarrier();
}
