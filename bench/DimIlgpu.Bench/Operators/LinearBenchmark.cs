using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by multiply-adds: 2·M·N·K operations for each of the three products.</summary>
public sealed class LinearBenchmark : IBenchmark
{
    private const int Tokens = 1024;

    // DiM-S: D 384, E 768, R 24, N 16; then a square one.
    private static readonly (string Name, int M, int N, int K)[] Shapes =
    [
        ("in_proj", Tokens, 1536, 384), ("out_proj", Tokens, 384, 768), ("x_proj", Tokens, 56, 768), ("dt_proj", Tokens, 768, 24),
        ("square", 1024, 1024, 1024),
    ];

    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        foreach ((string name, int m, int n, int k) in Shapes)
        {
            Tensor x = arena.Random(new(m, k)), w = arena.Random(new(n, k)), y = arena.Rent(new(m, n));
            Tensor dy = arena.Random(new(m, n)), dx = arena.Rent(new(m, k)), dw = arena.Rent(new(n, k));
            double work = 2.0 * m * n * k;
            string shape = $"{m}×{n}×{k}";
            yield return new($"linear.{name}.forward", shape, Bound.Arithmetic, work, () => Linear.Forward(device, x, w, null, y));
            yield return new(
                $"linear.{name}.input", shape, Bound.Arithmetic, work,
                () => Linear.Backward(device, x, w, dy, new(dx, Add: false), null, null));
            yield return new(
                $"linear.{name}.weight", shape, Bound.Arithmetic, work,
                () => Linear.Backward(device, x, w, dy, null, new(dw, Add: false), null));
        }
    }
}
