using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: three reads and a write, 16 bytes per element.</summary>
public sealed class PosteriorNoiseBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(256, 16384);
        Tensor mean = arena.Random(shape), variance = arena.Random(shape), noise = arena.Random(shape);
        Tensor y = arena.Rent(shape), k = arena.Rent(new(1, PosteriorNoise.Width));
        k.Upload([-4.7f, -4.6f, 1f]);
        yield return new(
            "posterior-noise.forward", $"{shape}", Bound.Memory, 16.0 * shape.Length,
            () => PosteriorNoise.Forward(device, mean, variance, noise, k, y));
    }
}
