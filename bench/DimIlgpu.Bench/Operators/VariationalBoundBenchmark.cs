using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory at t &gt; 0: three reads forward, 12 bytes per element; a write more backward, 16.</summary>
public sealed class VariationalBoundBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        foreach (Shape shape in device.WithFourTimes(new(256, 16384)))
        {
            using ArenaScope scope = arena.Scope();
            Tensor sample = arena.Random(shape), noise = arena.Random(shape), prediction = arena.Random(shape);
            Tensor variance = arena.Random(shape), dvariance = arena.Rent(shape);
            Tensor bits = arena.Rent(new(shape.Rows, 1)), dbits = arena.Random(bits.Shape);
            Tensor k = arena.Rent(new(shape.Rows, VariationalBound.Width));
            k.Upload([.. Enumerable.Range(0, (int)shape.Rows).SelectMany(_ => new[] { 0.02f, -4.7f, -4.6f, 0f })]);
            yield return new(
                "variational-bound.forward", $"{shape}", Bound.Memory, 12.0 * shape.Length,
                () => VariationalBound.Forward(device, sample, noise, prediction, variance, k, bits));
            yield return new(
                "variational-bound.backward", $"{shape}", Bound.Memory, 16.0 * shape.Length,
                () => VariationalBound.Backward(
                    device, sample, noise, prediction, variance, k, dbits, new(dvariance, Add: false)));
        }
    }
}
