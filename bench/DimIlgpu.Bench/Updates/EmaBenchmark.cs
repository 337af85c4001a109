using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: two reads and a write, 12 bytes per element.</summary>
public sealed class EmaBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(8192, 1024);
        Tensor p = arena.Random(shape), e = arena.Random(shape), state = arena.Rent(UpdateState.Shape, clear: true);
        UpdateState.At(1, 1e-4, 0.9, 0.999, 0.9999).Upload(state);
        yield return new("ema", $"{shape}", Bound.Memory, 12.0 * shape.Length, () => Ema.Update(device, p, e, state));
    }
}
