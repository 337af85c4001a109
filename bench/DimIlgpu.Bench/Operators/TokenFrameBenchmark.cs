using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: one read and a write, 8 bytes per element.</summary>
public sealed class TokenFrameBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        const int Batch = 64, Tokens = 256, Count = 2;
        Tensor x = arena.Random(new(Batch * Tokens, 768)), condition = arena.Random(new(Batch * Count, 768));
        Tensor y = arena.Rent(new(Batch * (Tokens + (2 * Count)), 768));
        yield return new(
            "token-frame.join", $"{y.Shape}", Bound.Memory, 8.0 * y.Shape.Length,
            () => TokenFrame.Join(device, x, condition, y, Count));
        yield return new(
            "token-frame.drop", $"{x.Shape}", Bound.Memory, 8.0 * x.Shape.Length,
            () => TokenFrame.Drop(device, y, new(x, Add: false), Tokens, Count));
    }
}
