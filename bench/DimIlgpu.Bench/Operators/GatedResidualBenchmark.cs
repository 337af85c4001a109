using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 12 bytes per element forward (x, o, y), 16 backward (dy, o, dx, do).</summary>
public sealed class GatedResidualBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(16384, 768);
        const int samples = 16;
        Tensor x = arena.Random(shape), o = arena.Random(shape), y = arena.Rent(shape), branch = arena.Rent(shape);
        Tensor modulation = arena.Random(new(samples, 3 * shape.Columns)), d = arena.Rent(modulation.Shape);
        Tensor gate = modulation.Slice(2 * shape.Columns, shape.Columns), dgate = d.Slice(2 * shape.Columns, shape.Columns);
        yield return new(
            "gated-residual.forward", $"{shape}", Bound.Memory, 12.0 * shape.Length,
            () => GatedResidual.Forward(device, x, gate, o, y));
        yield return new(
            "gated-residual.in-place", $"{shape}", Bound.Memory, 12.0 * shape.Length,
            () => GatedResidual.Forward(device, y, gate, o, y));
        yield return new(
            "gated-residual.backward", $"{shape}", Bound.Memory, 16.0 * shape.Length,
            () => GatedResidual.Backward(
                device, gate, o, x, new(y, Add: false), new(dgate, Add: false), new(branch, Add: false)));
    }
}
