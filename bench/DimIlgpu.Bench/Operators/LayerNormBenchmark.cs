using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 8 bytes per element forward (x, h), 12 backward (x, dh, dx); 6 and 10 where h and dh are bfloat16. Behind a gated branch 16 (x, o, y, h) and 24 (y, o, dy, dh, dx, do); 12 and 18.</summary>
public sealed class LayerNormBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = device.Tokens();
        long samples = shape.Rows / device.SampleLength();
        double bytes = device.ActivationBytes();
        Tensor x = arena.Random(shape), h = arena.Rent(shape, type: device.ActivationType), dx = arena.Rent(shape);
        Tensor dh = arena.Random(shape, type: device.ActivationType);
        Tensor modulation = arena.Random(new(samples, 3 * shape.Columns)), d = arena.Rent(modulation.Shape);
        Tensor shift = modulation.Slice(0, shape.Columns), scale = modulation.Slice(shape.Columns, shape.Columns);
        Tensor statistics = arena.Rent(new(shape.Rows, 2));
        yield return new(
            "layer-norm.forward", $"{shape}", Bound.Memory, (4 + bytes) * shape.Length,
            () => LayerNorm.Forward(device, x, shift, scale, h, statistics));
        LayerNorm.Forward(device, x, shift, scale, h, statistics);
        yield return new(
            "layer-norm.backward", $"{shape}", Bound.Memory, (8 + bytes) * shape.Length,
            () => LayerNorm.Backward(
                device, x, scale, statistics, dh, new(dx, Add: false),
                new(d.Slice(0, shape.Columns), Add: false), new(d.Slice(shape.Columns, shape.Columns), Add: false)));
        Tensor o = arena.Random(shape, type: device.ActivationType), y = arena.Rent(shape), branch = arena.Rent(shape, type: device.ActivationType);
        Tensor gate = modulation.Slice(2 * shape.Columns, shape.Columns);
        yield return new(
            "layer-norm.gated-forward", $"{shape}", Bound.Memory, (8 + (2 * bytes)) * shape.Length,
            () => LayerNorm.Forward(device, x, gate, o, y, shift, scale, h, statistics));
        yield return new(
            "layer-norm.gated-in-place", $"{shape}", Bound.Memory, (8 + (2 * bytes)) * shape.Length,
            () => LayerNorm.Forward(device, y, gate, o, y, shift, scale, h, statistics));
        LayerNorm.Forward(device, x, gate, o, y, shift, scale, h, statistics);
        yield return new(
            "layer-norm.gated-backward", $"{shape}", Bound.Memory, (12 + (3 * bytes)) * shape.Length,
            () => LayerNorm.Backward(
                device, y, gate, o, scale, statistics, x, dh,
                new(
                    new(dx, Add: false), new(d.Slice(2 * shape.Columns, shape.Columns), Add: false), new(branch, Add: false),
                    new(d.Slice(0, shape.Columns), Add: false), new(d.Slice(shape.Columns, shape.Columns), Add: false))));
    }
}
