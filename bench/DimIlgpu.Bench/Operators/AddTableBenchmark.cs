using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: forward reads and writes once, 8 bytes per element; the table's gradient reads once.</summary>
public sealed class AddTableBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Tensor x = arena.Random(device.Tokens()), table = arena.Random(new(256, x.Columns));
        yield return new(
            "add-table.forward", $"{x.Shape}", Bound.Memory, 8.0 * x.Shape.Length, () => AddTable.Forward(device, x, table, x));
        yield return new(
            "add-table.backward", $"{x.Shape}", Bound.Memory, 4.0 * x.Shape.Length,
            () => AddTable.Backward(device, x, null, new Sink(table, Add: false)));
    }
}
