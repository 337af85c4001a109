using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Reported as a time: ten rounds of integer arithmetic per block, and a logarithm per normal number.</summary>
public sealed class NoiseBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(100, 1000);
        Tensor state = arena.Rent(new(1, 4)), y = arena.Rent(shape);
        state.Upload(RandomSequence.State(1, 1));
        yield return new("noise.uniform", $"{shape}", Bound.Time, 0, () => Noise.Uniform(device, state, 0, y));
        yield return new("noise.normal", $"{shape}", Bound.Time, 0, () => Noise.Normal(device, state, 0, y));
    }
}
