using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: one read of an activation per element.</summary>
public sealed class ColumnSumBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        foreach (Shape shape in device.WithFourTimes(device.Tokens(inMixer: true)))
        {
            using ArenaScope scope = arena.Scope();
            Tensor x = arena.Random(shape, type: device.ActivationType), y = arena.Rent(new(1, shape.Columns));
            yield return new(
                "column-sum.forward", $"{shape}", Bound.Memory, device.ActivationBytes() * shape.Length,
                () => ColumnSum.Forward(device, x, new(y, Add: false)));
        }
    }
}
