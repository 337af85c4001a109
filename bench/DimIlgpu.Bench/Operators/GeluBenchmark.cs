using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 2 activations per element forward (x, y), 3 backward (x, dy, dx).</summary>
public sealed class GeluBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = device.Tokens(inMixer: true);
        ElementType type = device.ActivationType;
        double bytes = device.ActivationBytes();
        Tensor x = arena.Random(shape, 3f, type), dy = arena.Random(shape, type: type), y = arena.Rent(shape, type: type);
        yield return new("gelu.forward", $"{shape}", Bound.Memory, 2 * bytes * shape.Length, () => Gelu.Forward(device, x, y));
        yield return new(
            "gelu.backward", $"{shape}", Bound.Memory, 3 * bytes * shape.Length,
            () => Gelu.Backward(device, x, dy, new(y, Add: false)));
    }
}
