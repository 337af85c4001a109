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

    // DiM-XL/2 at 16,384 tokens: D 1152, E 2304, R 72, N 16; only what a GPU does in milliseconds.
    private static readonly (string Name, int M, int N, int K)[] LargeShapes =
    [
        ("xl.in_proj", 16384, 4608, 1152), ("xl.out_proj", 16384, 1152, 2304), ("xl.x_proj", 16384, 104, 2304),
        ("xl.dt_proj", 16384, 2304, 72),
    ];

    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        foreach ((string name, int m, int n, int k) in device.Kind == DeviceKind.Cuda ? [.. Shapes, .. LargeShapes] : Shapes)
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
