using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: p, g, m, v and the average read and written once, 40 bytes per element.</summary>
public sealed class AdamWBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(8192, 1024);
        Tensor p = arena.Random(shape), g = arena.Random(shape), m = arena.Random(shape), e = arena.Random(shape);
        Tensor v = arena.Rent(shape, clear: true), state = arena.Rent(UpdateState.Shape, clear: true);
        UpdateState.At(1, 1e-4, 0.9, 0.999, 0.9999).Upload(state);
        ClipScale.Update(device, state, 1f);
        AdamWConstants constants = new(0.9, 0.999, 1e-8, 0);
        yield return new(
            "adamw", $"{shape}", Bound.Memory, 40.0 * shape.Length, () => AdamW.Update(device, p, g, m, v, e, state, constants));
    }
}
