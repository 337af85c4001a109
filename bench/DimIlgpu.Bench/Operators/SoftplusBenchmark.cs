using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: a read and a write, 8 bytes per element.</summary>
public sealed class SoftplusBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(16384, 768);
        Tensor x = arena.Random(shape), bias = arena.Random(new(2, shape.Columns)), y = arena.Rent(shape);
        yield return new(
            "softplus.forward", $"{shape}", Bound.Memory, 8.0 * shape.Length, () => Softplus.Forward(device, x, bias, y));
    }
}
