using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: 16 bytes per element forward (two y, z, g), 28 backward (two y, z, dg, two dy, dz).</summary>
public sealed class SumGateBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Shape shape = new(16384, 768), both = new(2 * shape.Rows, shape.Columns), pair = new(shape.Rows, 2 * shape.Columns);
        Tensor y = arena.Random(both), dy = arena.Rent(both), g = arena.Rent(shape), dg = arena.Random(shape);
        Tensor z = arena.Random(pair).Slice(shape.Columns, shape.Columns);
        Tensor dz = arena.Rent(pair).Slice(shape.Columns, shape.Columns);
        yield return new(
            "sum-gate.forward", $"{shape}", Bound.Memory, 16.0 * shape.Length,
            () => SumGate.Forward(device, y, z, g, divide: false));
        yield return new(
            "sum-gate.backward", $"{shape}", Bound.Memory, 28.0 * shape.Length,
            () => SumGate.Backward(device, y, z, dg, new(dy, Add: false), new(dz, Add: false), divide: false));
    }
}
