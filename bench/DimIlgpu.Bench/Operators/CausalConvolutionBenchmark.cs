using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 3 activations per element of x forward (x, two u), 4 backward (x, two du, dx).</summary>
public sealed class CausalConvolutionBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = device.Tokens(inMixer: true);
        ElementType type = device.ActivationType;
        int length = device.SampleLength();
        double bytes = device.ActivationBytes();
        Tensor x = arena.Random(new(shape.Rows, 2 * shape.Columns), type: type).Slice(0, shape.Columns);
        Tensor dx = arena.Rent(new(shape.Rows, 2 * shape.Columns), type: type).Slice(0, shape.Columns);
        Tensor weight = arena.Random(new(8, shape.Columns), 0.5f), dweight = arena.Rent(weight.Shape);
        Tensor bias = arena.Random(new(2, shape.Columns), 0.5f), dbias = arena.Rent(bias.Shape);
        Tensor u = arena.Rent(new(2 * shape.Rows, shape.Columns), type: type), du = arena.Random(u.Shape, type: type);
        yield return new(
            "causal-convolution.forward", $"{shape}, width 4", Bound.Memory, 3 * bytes * shape.Length,
            () => CausalConvolution.Forward(device, x, weight, bias, u, length));
        yield return new(
            "causal-convolution.backward", $"{shape}, width 4", Bound.Memory, 4 * bytes * shape.Length,
            () => CausalConvolution.Backward(
                device, x, weight, bias, du, new(dx, Add: false), new(dweight, Add: false), new(dbias, Add: false), length));
    }
}
