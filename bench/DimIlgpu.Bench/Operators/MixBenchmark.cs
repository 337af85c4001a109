using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: two reads and a write, 12 bytes per element, as in noising.</summary>
public sealed class MixBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(256, 32768);
        Tensor a = arena.Random(shape), b = arena.Random(shape), y = arena.Rent(shape);
        Tensor k = arena.Random(new(shape.Rows, Mix.Width));
        yield return new(
            "mix.forward", $"{shape}", Bound.Memory, 12.0 * shape.Length, () => Mix.Forward(device, [a, b], k, y));
    }
}
