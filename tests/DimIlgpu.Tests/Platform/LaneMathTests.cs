using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>
/// Holds the CPU's vector mathematics to two units in the last place of its double-precision definition: a sample of the
/// floats in every width, and every float there is in the widest, which computes the same bits as the others.
/// </summary>
public sealed unsafe class LaneMathTests
{
    private const double MostUnits = 2;
    private const int Block = 1 << 14;

    // A prime, so that every exponent and all parts of the mantissa are met.
    private const uint SampleStep = 4099;

    private static readonly float[] Edges =
    [
        0f, -0f, 1f, -1f, float.Epsilon, -float.Epsilon, 1.17549421e-38f, 1.17549435e-38f, -1.17549435e-38f, 0.6f, -0.6f,
        20f, 20.000002f, -20f, 88.72283f, 88.72284f, 89f, 90f, -87.33654f, -87.33655f, -100f, -103.97208f, -103.97209f, -104f,
        -105f, 0.70710677f, 0.7071068f, 1.4142135f, 1.4142137f, -0.8813736f, 0.99999994f, 1.0000001f, float.MaxValue,
        float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN,
    ];

    [Fact]
    public void The_exponential_holds_on_a_sample() => HoldsOnASample<ExponentialFunction>();

    [Fact]
    public void The_logarithm_holds_on_a_sample() => HoldsOnASample<LogarithmFunction>();

    [Fact]
    public void The_sigmoid_holds_on_a_sample() => HoldsOnASample<SigmoidFunction>();

    [Fact]
    public void The_tanh_holds_on_a_sample() => HoldsOnASample<TanhFunction>();

    [Fact]
    public void The_softplus_holds_on_a_sample() => HoldsOnASample<SoftplusFunction>();

    // All 4 billion of them take minutes: --explicit on runs these too, as .ci/run does.
    [Fact(Explicit = true), Trait("Category", "Slow")]
    public void The_exponential_holds_for_every_float() => HoldsEverywhere<ExponentialFunction>();

    [Fact(Explicit = true), Trait("Category", "Slow")]
    public void The_logarithm_holds_for_every_float() => HoldsEverywhere<LogarithmFunction>();

    [Fact(Explicit = true), Trait("Category", "Slow")]
    public void The_sigmoid_holds_for_every_float() => HoldsEverywhere<SigmoidFunction>();

    [Fact(Explicit = true), Trait("Category", "Slow")]
    public void The_tanh_holds_for_every_float() => HoldsEverywhere<TanhFunction>();

    [Fact(Explicit = true), Trait("Category", "Slow")]
    public void The_softplus_holds_for_every_float() => HoldsEverywhere<SoftplusFunction>();

    [Fact]
    public void Special_values_are_right()
    {
        const float infinity = float.PositiveInfinity, nan = float.NaN;
        HasValues<ExponentialFunction>((0f, 1f), (-0f, 1f), (infinity, infinity), (-infinity, 0f), (nan, nan), (89f, infinity), (-104f, 0f));
        HasValues<LogarithmFunction>((1f, 0f), (0f, -infinity), (-0f, -infinity), (infinity, infinity), (-infinity, nan), (-1f, nan), (-1e-45f, nan), (nan, nan));
        HasValues<SigmoidFunction>((0f, 0.5f), (infinity, 1f), (-infinity, 0f), (nan, nan));
        HasValues<TanhFunction>((0f, 0f), (-0f, -0f), (infinity, 1f), (-infinity, -1f), (1e-45f, 1e-45f), (nan, nan));
        HasValues<SoftplusFunction>((infinity, infinity), (-infinity, 0f), (25f, 25f), (float.MaxValue, float.MaxValue), (nan, nan));
    }

    [Fact]
    public void The_four_Silus_and_slopes_hold_on_a_sample()
    {
        FourHold<Vector512Lane>();
        FourHold<Vector256Lane>();
        FourHold<Vector128Lane>();
        FourHold<ScalarLane>();
    }

    // A relative error, and what follows from the product with log₂ e being half a unit off; for the slope, where x is also a factor of what 1 − σ
    // loses, relative to the terms that it is the sum of.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourHold<TLane>()
        where TLane : unmanaged, ICpuLane<TLane>
    {
        float[] x =
        [
            .. Edges, -1.2784645f, -1.2784646f, 87f, -87f, -88f, 1e30f, -1e30f,
            .. Enumerable.Range(0, (int)(uint.MaxValue / SampleStep)).Select(i => BitConverter.UInt32BitsToSingle((uint)i * SampleStep)),
        ];
        x = [.. x, .. new float[64 - (x.Length % 64)]];
        float[] silu = new float[x.Length], slope = new float[x.Length];
        fixed (float* from = x, toSilu = silu, toSlope = slope)
        {
            for (int i = 0; i < x.Length; i += 4 * TLane.Count)
            {
                Quad<TLane> four = default;
                four.X = TLane.LoadFrom(from + i);
                four.Y = TLane.LoadFrom(from + i + TLane.Count);
                four.Z = TLane.LoadFrom(from + i + (2 * TLane.Count));
                four.W = TLane.LoadFrom(from + i + (3 * TLane.Count));
                Put(toSilu + i, CpuLaneMath.Silu(four));
                Put(toSlope + i, CpuLaneMath.SiluSlope(four));
            }
        }

        for (int i = 0; i < x.Length; i++)
        {
            if (float.IsNaN(x[i]))
            {
                Assert.True(float.IsNaN(silu[i]) && float.IsNaN(slope[i]));
                continue;
            }

            // At the infinities as their limits.
            double z = Math.Clamp((double)x[i], -1000, double.MaxValue), s = 1 / (1 + Math.Exp(-z)), rest = 1 / (1 + Math.Exp(z));
            double below = Math.Clamp(-z, 0, 100) * 7.5e-8, around = Math.Min(Math.Abs(z), 100) * 7.5e-8, least = 3e-36;
            double tail = rest == 0 ? 0 : z * rest;
            Holds(silu[i], float.IsPositiveInfinity(x[i]) ? double.PositiveInfinity : z * s, (4e-7 + below) * Math.Abs(z) * s);
            Holds(slope[i], s * (1 + tail), (4e-7 + around) * s * (1 + Math.Abs(tail)));

            void Holds(float got, double exact, double within) => Assert.True(
                got == exact || Math.Abs(got - exact) <= within + least, $"f({x[i]:g9}) = {got:g9}, exactly {exact:g12}, within {within + least:g3}");
        }

        static void Put(float* to, Quad<TLane> values)
        {
            TLane.StoreTo(to, values.X);
            TLane.StoreTo(to + TLane.Count, values.Y);
            TLane.StoreTo(to + (2 * TLane.Count), values.Z);
            TLane.StoreTo(to + (3 * TLane.Count), values.W);
        }
    }

    private static void HasValues<TFunction>(params (float X, float Y)[] cases)
        where TFunction : ILaneFunction
    {
        float[] x = Sixteenfold([.. cases.Select(c => c.X)]), expected = Sixteenfold([.. cases.Select(c => c.Y)]);
        foreach (float[] y in EachWidth<TFunction>(x))
        {
            // Equal as objects: NaN is NaN, and 0 is not −0.
            Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), y.Select(v => BitConverter.SingleToInt32Bits(float.IsNaN(v) ? float.NaN : v)));
        }
    }

    private static void HoldsOnASample<TFunction>()
        where TFunction : ILaneFunction
    {
        float[] x = Sixteenfold(
        [
            .. Edges,
            .. Enumerable.Range(0, (int)(uint.MaxValue / SampleStep)).Select(i => BitConverter.UInt32BitsToSingle((uint)i * SampleStep)),
        ]);
        float[] widest = EachWidth<TFunction>(x).First();
        Assert.True(Worst<TFunction>(x, widest) <= MostUnits, Describe<TFunction>(x, widest));
        Assert.All(EachWidth<TFunction>(x), y => Assert.Equal(widest, y));

        for (int i = 0; i < x.Length; i += 37)
        {
            double exact = TFunction.Exact((double)x[i]), eight = TFunction.Exact(Vector512.Create((double)x[i]))[0];
            Assert.True(
                ((float)exact).Equals((float)eight) || Math.Abs(eight - exact) <= 1e-10 * Math.Abs(exact),
                $"f({x[i]:g9}) is {exact:g17}; {eight:g17} of eight.");
        }
    }

    private static void HoldsEverywhere<TFunction>()
        where TFunction : ILaneFunction => Parallel.For(
        0L, (1L << 32) / Block, () => (X: new float[Block], Y: new float[Block]), (block, _, buffers) =>
        {
            (float[] x, float[] y) = buffers;
            Fill(x, (uint)(block * Block));
            Apply<TFunction, Vector512Lane>(x, y);
            if (!(Worst<TFunction>(x, y) <= MostUnits))
            {
                Assert.Fail(Describe<TFunction>(x, y));
            }

            return buffers;
        }, _ => { });

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Fill(float[] x, uint first)
    {
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = BitConverter.UInt32BitsToSingle(first + (uint)i);
        }
    }

    /// <summary>The worst error in units of the last place of the exact result; NaN where one is NaN and the other is not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Worst<TFunction>(float[] x, float[] y)
        where TFunction : ILaneFunction
    {
        Vector512<double> worst = Vector512<double>.Zero;
        for (int i = 0; i < x.Length; i += 8)
        {
            Vector256<float> from = Vector256.Create(x, i), to = Vector256.Create(y, i);
            Vector512<double> exact = TFunction.Exact(Widen(from)), got = Widen(to);
            Vector512<long> exponent = Vector512.Max(
                Vector512.ShiftRightLogical(Vector512.Abs(exact).AsInt64(), 52), Vector512.Create(1023L - 126));
            Vector512<double> unit = Vector512.ShiftLeft(exponent - Vector512.Create(23L), 52).AsDouble();

            // Beyond the largest float by half a unit, the nearest is infinity. (Narrowing tells as much, at the price of
            // a processor's trap for each result that underflows.)
            Vector512<double> same = Vector512.Equals(got, exact) | (~Vector512.Equals(got, got) & ~Vector512.Equals(exact, exact))
                | (Vector512.Equals(got, Vector512.Create(double.PositiveInfinity)) & Vector512.GreaterThanOrEqual(exact, Vector512.Create(3.4028235677973366e38)));
            worst = Vector512.Max(worst, Vector512.AndNot(Vector512.Abs(got - exact) / unit, same));
        }

        double most = 0;
        for (int i = 0; i < 8; i++)
        {
            most = Math.Max(most, worst[i]);
        }

        return most;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Widen(Vector256<float> x) => Vector512.Create(Vector256.WidenLower(x), Vector256.WidenUpper(x));

    private static string Describe<TFunction>(float[] x, float[] y)
        where TFunction : ILaneFunction
    {
        int at = Enumerable.Range(0, x.Length / 8).MaxBy(
            i => Worst<TFunction>(x[(8 * i)..((8 * i) + 8)], y[(8 * i)..((8 * i) + 8)]) is double e && double.IsNaN(e) ? double.MaxValue : e) * 8;
        return string.Join("; ", Enumerable.Range(at, 8).Select(
            i => $"f({x[i]:g9}) = {y[i]:g9}, exactly {TFunction.Exact((double)x[i]):g12}"));
    }

    private static IEnumerable<float[]> EachWidth<TFunction>(float[] x)
        where TFunction : ILaneFunction
    {
        float[] y = new float[x.Length];
        Apply<TFunction, Vector512Lane>(x, y);
        yield return y;
        y = new float[x.Length];
        Apply<TFunction, Vector256Lane>(x, y);
        yield return y;
        y = new float[x.Length];
        Apply<TFunction, Vector128Lane>(x, y);
        yield return y;
        y = new float[x.Length];
        Apply<TFunction, ScalarLane>(x, y);
        yield return y;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Apply<TFunction, TLane>(float[] x, float[] y)
        where TFunction : ILaneFunction
        where TLane : unmanaged, ICpuLane<TLane>
    {
        fixed (float* from = x, to = y)
        {
            for (int i = 0; i < x.Length; i += TLane.Count)
            {
                TLane.StoreTo(to + i, TFunction.Of(TLane.LoadFrom(from + i)));
            }
        }
    }

    /// <summary>Filled up with its last value to whole registers of the widest lane.</summary>
    private static float[] Sixteenfold(float[] x) => [.. x, .. Enumerable.Repeat(x[^1], (16 - (x.Length % 16)) % 16)];
}
