using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 12 bytes per element forward (x, o, y), 16 backward (dy, o, dx, do); 10 and 12 where o and do are bfloat16.</summary>
public sealed class GatedResidualBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = device.Tokens();
        long samples = shape.Rows / device.SampleLength();
        double bytes = device.ActivationBytes();
        Tensor x = arena.Random(shape), o = arena.Random(shape, type: device.ActivationType);
        Tensor y = arena.Rent(shape), branch = arena.Rent(shape, type: device.ActivationType);
        Tensor modulation = arena.Random(new(samples, 3 * shape.Columns)), d = arena.Rent(modulation.Shape);
        Tensor gate = modulation.Slice(2 * shape.Columns, shape.Columns), dgate = d.Slice(2 * shape.Columns, shape.Columns);
        yield return new(
            "gated-residual.forward", $"{shape}", Bound.Memory, (8 + bytes) * shape.Length,
            () => GatedResidual.Forward(device, x, gate, o, y));
        yield return new(
            "gated-residual.in-place", $"{shape}", Bound.Memory, (8 + bytes) * shape.Length,
            () => GatedResidual.Forward(device, y, gate, o, y));
        yield return new(
            "gated-residual.backward", $"{shape}", Bound.Memory, (8 + (2 * bytes)) * shape.Length,
            () => GatedResidual.Backward(
                device, gate, o, x, new(y, Add: false), new(dgate, Add: false), new(branch, Add: false)));
    }
}
