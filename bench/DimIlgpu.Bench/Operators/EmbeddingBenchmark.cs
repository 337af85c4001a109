using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Too small to be bound by anything but its launch and its walk over the labels: a time.</summary>
public sealed class EmbeddingBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        Tensor table = arena.Random(new(1001, 1152)), labels = arena.Rent(new(256, 1)), y = arena.Random(new(256, 1152));
        labels.Upload([.. Enumerable.Range(0, 256).Select(b => b * 3571 % 1001)]);
        yield return new(
            "embedding.forward", $"{y.Shape}", Bound.Time, 0, () => Embedding.Forward(device, table, labels, y));
        yield return new(
            "embedding.backward", $"{table.Shape}", Bound.Time, 0,
            () => Embedding.Backward(device, labels, y, new(table, Add: true)));
    }
}
