using BenchmarkDotNet.Attributes;
using DimIlgpu.Kernels;

namespace DimIlgpu.Bench.Runner;

/// <summary>The cases of <c>dim bench</c> under BenchmarkDotNet; the environment variable DIMILGPU_DEVICE names the device.</summary>
[MemoryDiagnoser]
public class OperatorBenchmarks : IDisposable
{
    private Device? device;
    private Arena? arena;
    private BenchmarkCase? running;

    /// <summary>Name and shape of the case.</summary>
    [ParamsSource(nameof(Names))]
    public string Case { get; set; } = "";

    /// <summary>Every case; those of a network live only as long as they are enumerated, and stay with <c>dim bench</c>.</summary>
    public static IEnumerable<string> Names
    {
        get
        {
            using Device names = Open();
            using Arena tensors = new(names);
            return [.. BenchmarkSuite.Cases(names, tensors).Select(Title).Where(t => !t.StartsWith("model.", StringComparison.Ordinal))];
        }
    }

    /// <summary>Makes the case's tensors.</summary>
    [GlobalSetup]
    public void Setup()
    {
        this.device = Open();
        this.arena = new(this.device);
        this.running = BenchmarkSuite.Cases(this.device, this.arena).First(c => Title(c) == this.Case);
    }

    /// <summary>Gives them back.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        this.arena?.Dispose();
        this.device?.Dispose();
        (this.arena, this.device) = (null, null);
        GC.SuppressFinalize(this);
    }

    /// <summary>One run, to its end.</summary>
    [Benchmark]
    public void Run()
    {
        this.running!.Run();
        this.device!.Synchronize();
    }

    private static Device Open() => Device.Open(Environment.GetEnvironmentVariable("DIMILGPU_DEVICE") ?? "cpu");

    private static string Title(BenchmarkCase item) => $"{item.Name} {item.Shape}";
}
