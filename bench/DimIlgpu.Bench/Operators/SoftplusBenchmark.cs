using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 2 activations per element forward (x, y), 3 backward (y, dy, dx).</summary>
public sealed class SoftplusBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = device.Tokens(inMixer: true);
        ElementType type = device.ActivationType;
        double bytes = device.ActivationBytes();
        Tensor x = arena.Random(shape, type: type), bias = arena.Random(new(2, shape.Columns)), y = arena.Rent(shape, type: type);
        yield return new(
            "softplus.forward", $"{shape}", Bound.Memory, 2 * bytes * shape.Length, () => Softplus.Forward(device, x, bias, y));
        Softplus.Forward(device, x, bias, y);
        Tensor dy = arena.Random(shape, type: type), dbias = arena.Rent(bias.Shape);
        yield return new(
            "softplus.backward", $"{shape}", Bound.Memory, 3 * bytes * shape.Length,
            () => Softplus.Backward(device, y, dy, new(x, Add: false), new(dbias, Add: false)));
    }
}
