using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 12 bytes per element of x forward (x, two u), 16 backward (x, two du, dx).</summary>
public sealed class CausalConvolutionBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(16384, 768);
        const int length = 1024;
        Tensor x = arena.Random(new(shape.Rows, 2 * shape.Columns)).Slice(0, shape.Columns);
        Tensor dx = arena.Rent(new(shape.Rows, 2 * shape.Columns)).Slice(0, shape.Columns);
        Tensor weight = arena.Random(new(8, shape.Columns), 0.5f), dweight = arena.Rent(weight.Shape);
        Tensor bias = arena.Random(new(2, shape.Columns), 0.5f), dbias = arena.Rent(bias.Shape);
        Tensor u = arena.Rent(new(2 * shape.Rows, shape.Columns)), du = arena.Random(u.Shape);
        yield return new(
            "causal-convolution.forward", $"{shape}, width 4", Bound.Memory, 12.0 * shape.Length,
            () => CausalConvolution.Forward(device, x, weight, bias, u, length));
        yield return new(
            "causal-convolution.backward", $"{shape}, width 4", Bound.Memory, 16.0 * shape.Length,
            () => CausalConvolution.Backward(
                device, x, weight, bias, du, new(dx, Add: false), new(dweight, Add: false), new(dbias, Add: false), length));
    }
}
