using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 8 bytes per element forward (x, y), 12 backward (x, dy, dx).</summary>
public sealed class GeluBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(16384, 768);
        Tensor x = arena.Random(shape, 3f), dy = arena.Random(shape), y = arena.Rent(shape);
        yield return new("gelu.forward", $"{shape}", Bound.Memory, 8.0 * shape.Length, () => Gelu.Forward(device, x, y));
        yield return new(
            "gelu.backward", $"{shape}", Bound.Memory, 12.0 * shape.Length,
            () => Gelu.Backward(device, x, dy, new(y, Add: false)));
    }
}
