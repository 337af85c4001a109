using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 4 activations per element forward (two y, z, g), 7 backward (two y, z, dg, two dy, dz).</summary>
public sealed class SumGateBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = device.Tokens(inMixer: true), both = new(2 * shape.Rows, shape.Columns), pair = new(shape.Rows, 2 * shape.Columns);
        ElementType type = device.ActivationType;
        double bytes = device.ActivationBytes();
        Tensor y = arena.Random(both, type: type), dy = arena.Rent(both, type: type);
        Tensor g = arena.Rent(shape, type: type), dg = arena.Random(shape, type: type);
        Tensor z = arena.Random(pair, type: type).Slice(shape.Columns, shape.Columns);
        Tensor dz = arena.Rent(pair, type: type).Slice(shape.Columns, shape.Columns);
        yield return new(
            "sum-gate.forward", $"{shape}", Bound.Memory, 4 * bytes * shape.Length,
            () => SumGate.Forward(device, y, z, g, divide: false));
        yield return new(
            "sum-gate.backward", $"{shape}", Bound.Memory, 7 * bytes * shape.Length,
            () => SumGate.Backward(device, y, z, dg, new(dy, Add: false), new(dz, Add: false), divide: false));
    }
}
