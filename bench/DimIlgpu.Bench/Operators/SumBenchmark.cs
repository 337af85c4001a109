using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: two reads and a write, 12 bytes per element.</summary>
public sealed class SumBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(16384, 768);
        Tensor a = arena.Random(shape), b = arena.Random(shape), y = arena.Rent(shape);
        yield return new("sum.forward", $"{shape}", Bound.Memory, 12.0 * shape.Length, () => Sum.Forward(device, a, b, y));
    }
}
