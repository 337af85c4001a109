using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: one read, 4 bytes per element.</summary>
public sealed class ColumnSumBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(16384, 768);
        Tensor x = arena.Random(shape), y = arena.Rent(new(1, shape.Columns));
        yield return new(
            "column-sum.forward", $"{shape}", Bound.Memory, 4.0 * shape.Length,
            () => ColumnSum.Forward(device, x, new(y, Add: false)));
    }
}
