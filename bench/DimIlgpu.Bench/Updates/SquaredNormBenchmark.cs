using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: one read, 4 bytes per element. In bfloat16 there are as many as of a tenth of the gradients of DiM-XL/2, which are float32.</summary>
public sealed class SquaredNormBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Tensor x = arena.Random(new(device.ActivationType == ElementType.BFloat16 ? 65536 : 16384, 1024)), y = arena.Rent(new(1, 1));
        yield return new(
            "squared-norm", $"{x.Shape}", Bound.Memory, 4.0 * x.Shape.Length, () => SquaredNorm.Update(device, x, y));
    }
}
