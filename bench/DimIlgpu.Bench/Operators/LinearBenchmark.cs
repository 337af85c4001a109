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

    // DiM-B: D 768, E 1536, R 48; for a CPU, as a GPU has larger ones.
    private static readonly (string Name, int M, int N, int K)[] BaseShapes =
    [
        ("b.in_proj", Tokens, 3072, 768), ("b.out_proj", Tokens, 768, 1536), ("b.x_proj", Tokens, 80, 1536), ("b.dt_proj", Tokens, 1536, 48),
    ];

    private static readonly int[] TokenCounts = [1, 4, 16, 64, 256, 4096];

    // DiM-XL/2 at 16,384 tokens: D 1152, E 2304, R 72, N 16; only what a GPU does in milliseconds.
    private static readonly (string Name, int M, int N, int K)[] LargeShapes =
    [
        ("xl.in_proj", 16384, 4608, 1152), ("xl.out_proj", 16384, 1152, 2304), ("xl.x_proj", 16384, 104, 2304),
        ("xl.dt_proj", 16384, 2304, 72),
    ];

    // The same stored in bfloat16, as mixed precision has them; x_proj and dt_proj with a weight for each direction, and
    // dt_proj's input a view of x_proj's output. The thin ones are bound by bytes.
    private static readonly (string Name, int Weights, int M, int N, int K, int Pitch, bool IsThin)[] NarrowShapes =
    [
        ("in_proj", 1, 16384, 4608, 1152, 1152, false), ("out_proj", 1, 16384, 1152, 2304, 2304, false),
        ("x_proj", 2, 16384, 104, 2304, 2304, true), ("dt_proj", 2, 16384, 2304, 72, 104, true),
    ];

    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        foreach ((string name, int m, int n, int k) in
            device.Kind switch { DeviceKind.Cuda => [.. Shapes, .. LargeShapes], DeviceKind.Cpu => [.. Shapes, .. BaseShapes], _ => Shapes })
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

        if (device.Kind == DeviceKind.Cpu)
        {
            foreach (BenchmarkCase few in OfTokens(device, arena))
            {
                yield return few;
            }
        }

        foreach (BenchmarkCase narrow in device is { Kind: DeviceKind.Cuda, ActivationType: ElementType.BFloat16 } ? Narrow(device, arena) : [])
        {
            yield return narrow;
        }
    }

    /// <summary>Held against the lesser of a third of the peak and what 80 % of the read bandwidth allow for the weight's bytes.</summary>
    private static IEnumerable<BenchmarkCase> OfTokens(Device device, Arena arena)
    {
        foreach ((string name, int n, int k) in new[] { ("in_proj", 1536, 384), ("x_proj", 56, 768) })
        {
            foreach (int m in TokenCounts)
            {
                using ArenaScope scope = arena.Scope();
                Tensor x = arena.Random(new(m, k)), w = arena.Random(new(n, k)), y = arena.Rent(new(m, n));
                Tensor dy = arena.Random(new(m, n)), dx = arena.Rent(new(m, k)), dw = arena.Rent(new(n, k));
                using Arena kept = new(device);
                PackedWeight packed = new(kept);
                packed.Expect(1);
                double work = 2.0 * m * n * k, read = 4.0 * n * k / 0.8;
                string shape = $"{m}×{n}×{k}";
                BenchmarkCase Held(string pass, Action run) =>
                    new($"linear.tokens-{m}.{name}.{pass}", shape, Bound.Arithmetic, work, run) { PeakWork = 3 * work, ReadWork = read };
                yield return Held("packed", () => Linear.Forward(device, x, w, null, y, packed: packed));
                yield return Held("forward", () => Linear.Forward(device, x, w, null, y));
                yield return Held("input", () => Linear.Backward(device, x, w, dy, new(dx, Add: false), null, null));
                yield return Held("weight", () => Linear.Backward(device, x, w, dy, null, new(dw, Add: false), null));
            }
        }
    }

    private static IEnumerable<BenchmarkCase> Narrow(Device device, Arena arena)
    {
        const ElementType type = ElementType.BFloat16;
        foreach ((string name, int weights, int m, int n, int k, int pitch, bool isThin) in NarrowShapes)
        {
            Tensor x = arena.Random(new(weights * m, pitch), type: type).Slice(0, k), w = arena.Random(new(weights * n, k), type: type);
            Tensor y = arena.Rent(new(weights * m, n), type: type), dy = arena.Random(y.Shape, type: type);
            Tensor dx = arena.Rent(new(weights * m, pitch), type: type).Slice(0, k), dw = arena.Rent(w.Shape);
            double operations = 2.0 * weights * m * n * k, tokens = 2.0 * weights * m * (n + k), weight = (double)weights * n * k;
            string shape = $"{weights}×{m}×{n}×{k}";
            yield return new(
                $"linear.bf16.{name}.forward", shape, isThin ? Bound.Memory : Bound.Arithmetic, isThin ? tokens + (2 * weight) : operations,
                () => Linear.Forward(device, x, w, null, y, weights));
            if (name == "dt_proj")
            {
                Tensor bias = arena.Random(new(weights, n));
                yield return new(
                    $"linear.bf16.{name}.softplus", shape, Bound.Memory, tokens + (2 * weight),
                    () => Linear.Forward(device, x, w, bias, y, weights, activation: Activation.Softplus));
            }

            yield return new(
                $"linear.bf16.{name}.input", shape, isThin ? Bound.Memory : Bound.Arithmetic, isThin ? tokens + (2 * weight) : operations,
                () => Linear.Backward(device, x, w, dy, new(dx, Add: false), null, null, weights));
            yield return new(
                $"linear.bf16.{name}.weight", shape, isThin ? Bound.Memory : Bound.Arithmetic, isThin ? tokens + (4 * weight) : operations,
                () => Linear.Backward(device, x, w, dy, null, new(dw, Add: false), null, weights));
        }
    }
}
