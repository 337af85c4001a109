using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: two reads forward, 8 bytes per element; two reads and a write backward, 12.</summary>
public sealed class MeanSquaredErrorBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        foreach (Shape shape in device.WithFourTimes(new(256, 16384)))
        {
            using ArenaScope scope = arena.Scope();
            Tensor x = arena.Random(shape), target = arena.Random(shape), dx = arena.Rent(shape);
            Tensor loss = arena.Rent(new(shape.Rows, 1)), dloss = arena.Random(loss.Shape);
            yield return new(
                "mean-squared-error.forward", $"{shape}", Bound.Memory, 8.0 * shape.Length,
                () => MeanSquaredError.Forward(device, x, target, loss));
            yield return new(
                "mean-squared-error.backward", $"{shape}", Bound.Memory, 12.0 * shape.Length,
                () => MeanSquaredError.Backward(device, x, target, dloss, new(dx, Add: false)));
        }
    }
}
