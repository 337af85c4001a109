using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using DimIlgpu.Bench;
using DimIlgpu.Kernels;
using BenchmarkCase = DimIlgpu.Bench.BenchmarkCase;

// In this process: a run of its own for each case would compile every kernel anew.
_ = BenchmarkRunner.Run<Operators>(
    ManualConfig.Create(DefaultConfig.Instance).AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)), args);

/// <summary>The cases of <c>dim bench</c> under BenchmarkDotNet; the environment variable DIMILGPU_DEVICE names the device.</summary>
[MemoryDiagnoser]
public class Operators
{
    private Device? device;
    private Arena? arena;
    private BenchmarkCase? running;

    /// <summary>Name and shape of the case.</summary>
    [ParamsSource(nameof(Names))]
    public string Case { get; set; } = "";

    /// <summary>Every case; those of a network live only as long as they are enumerated, and stay with <c>dim bench</c>.</summary>
    public IEnumerable<string> Names
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
    public void Cleanup()
    {
        this.arena!.Dispose();
        this.device!.Dispose();
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
