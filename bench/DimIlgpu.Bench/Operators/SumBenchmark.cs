using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: two reads and a write, 12 bytes per element; 10 where what is added to the residual stream is bfloat16.</summary>
public sealed class SumBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = device.Tokens();
        Tensor a = arena.Random(shape), b = arena.Random(shape, type: device.ActivationType), y = arena.Rent(shape);
        yield return new("sum.forward", $"{shape}", Bound.Memory, (8 + device.ActivationBytes()) * shape.Length, () => Sum.Forward(device, a, b, y));
    }
}
