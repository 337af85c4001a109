using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>A single thread: the time of a launch.</summary>
public sealed class ClipScaleBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Tensor state = arena.Rent(UpdateState.Shape, clear: true);
        yield return new("clip-scale", $"{state.Shape}", Bound.Time, 0, () => ClipScale.Update(device, state, 1f));
    }
}
