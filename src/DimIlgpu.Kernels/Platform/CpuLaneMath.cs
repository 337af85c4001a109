using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DimIlgpu.Kernels;

/// <summary>The transcendental functions of the CPU's lanes, written once for every register width.</summary>
/// <remarks>
/// The polynomials are minimax fits of our own. But for 2^x, every function is within two units in the last place for
/// every float, which a test holds, and each width computes the same bits. A result or an argument below 2^−126 costs the
/// processor a trap: some 80 ns a register.
/// </remarks>
internal static class CpuLaneMath
{
    /// <summary>1.5·2²³: adding it leaves no bits after the point, so the sum is rounded to an integer, which its low bits hold.</summary>
    public const float RoundingShift = 12582912f;

    /// <summary>The bits of √½.</summary>
    public const int RootHalf = 0x3f3504f3;

    private const float LogTwoOfE = 1.44269504f;

    // Where e^x is neither infinite nor less than the least normal number.
    private const float SigmoidEnd = 87f;

    // ln 2 is LogTwo − LogTwoRest, so that k · LogTwo is exact within a fused multiply-add and the rest keeps what it lacks.
    private const float LogTwo = 0.693147182f, LogTwoRest = 1.90465421e-9f;

    /// <summary>Brings the line of an address into the first cache, where the machine takes such hints.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void PrefetchNear(float* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    /// <summary>2^x for x below 127, by a fifth-degree polynomial on [−½, ½], our own minimax fit; relative error 9.2e-08 before rounding.</summary>
    /// <remarks>2^0 is exactly 1: a decay that rounds above 1 would make slow states grow.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp2<T>(T x)
        where T : unmanaged, ICpuLane<T>
    {
        x = T.Max(x, T.Of(-126f));
        T k = T.Round(x);
        T f = x - k;
        T p = T.Of(1.326474984e-3f);
        p = T.Fma(p, f, T.Of(9.671520617e-3f));
        p = T.Fma(p, f, T.Of(5.550733763e-2f));
        p = T.Fma(p, f, T.Of(2.402224196e-1f));
        p = T.Fma(p, f, T.Of(6.931469775e-1f));
        p = T.Fma(p, f, T.Of(1f));
        return T.Scale(p, k);
    }

    /// <summary>e^x = 2^k · e^r, |r| ≤ ½ ln 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x)
        where T : unmanaged, ICpuLane<T>
    {
        // Beyond these e^x has become infinite, or less than half the least number.
        return ExpOf(T.Clamp(x, -104f, 89f));
    }

    /// <summary>e^−|x|.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T ExpOfMinus<T>(T x)
        where T : unmanaged, ICpuLane<T> => ExpOf(T.AtLeast(-T.Abs(x), -104f));

    /// <summary>e^x within the bounds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T ExpOf<T>(T x)
        where T : unmanaged, ICpuLane<T>
    {
        T k = T.Round(x * T.Of(LogTwoOfE));
        T r = T.Fma(k, T.Of(LogTwoRest), T.Fma(k, T.Of(-LogTwo), x));
        T p = T.Of(1.38145406e-3f);
        p = T.Fma(p, r, T.Of(8.36874545e-3f));
        p = T.Fma(p, r, T.Of(4.1668389e-2f));
        p = T.Fma(p, r, T.Of(1.66665211e-1f));
        p = T.Fma(p, r, T.Of(0.5f));
        return T.Scale(T.Fma(p, r * r, r) + T.Of(1f), k);
    }

    /// <summary>ln x = k ln 2 + ln m, m in [√½, √2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Log<T>(T x)
        where T : unmanaged, ICpuLane<T>
    {
        T normal = T.Of(1.17549435e-38f), zero = T.Of(0f);
        T m = T.Split(T.WhereGreater(normal, x, x * T.Of(8388608f), x), out T k);
        k += T.WhereGreater(normal, x, T.Of(-23f), zero);
        T y = LogOnePlus(m - T.Of(1f), k);

        // ln 0 = −∞ and ln −|x| = NaN; 0, NaN and ∞ are their own results otherwise.
        y = T.WhereGreater(x, zero, y, T.WhereGreater(zero, x, T.Of(float.NaN), x - T.Of(float.PositiveInfinity)));
        return T.WhereGreater(x, T.Of(float.MaxValue), x, y);
    }

    /// <summary>σ(x) = e^x / (1 + e^x) of −|x|, so that nothing cancels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x)
        where T : unmanaged, ICpuLane<T>
    {
        T z = ExpOfMinus(x), one = T.Of(1f), sum = one + z;
        T q = T.WhereGreater(x, T.Of(0f), one, z) / sum;

        // What 1 + z lost to rounding.
        return T.Fma(-q, z - (sum - one), q);
    }

    /// <summary>SiLU(x) = x · σ(x) of four, for what is bound by arithmetic: a third of the instructions of <see cref="LaneMath.Silu"/>, four side by side.</summary>
    /// <remarks>
    /// Its relative error is at most 4e-7, and where x is negative 7.5e-8 |x| more: what the product with log₂ e is off by, about
    /// as much as if x were. Below −87 it stays where it is there, at −1.4e-36.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<T> Silu<T>(Quad<T> x)
        where T : unmanaged, ICpuLane<T>
    {
        Quad<T> z = T.Exp2(T.Of(-LogTwoOfE), Bounded(x));
        T one = T.Of(1f);
        x.X = T.AtLeast(x.X, -SigmoidEnd) / (one + z.X);
        x.Y = T.AtLeast(x.Y, -SigmoidEnd) / (one + z.Y);
        x.Z = T.AtLeast(x.Z, -SigmoidEnd) / (one + z.Z);
        x.W = T.AtLeast(x.W, -SigmoidEnd) / (one + z.W);
        return x;
    }

    /// <summary>dSiLU/dx = σ(x) · (1 + x · (1 − σ(x))) of four, likewise.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<T> SiluSlope<T>(Quad<T> x)
        where T : unmanaged, ICpuLane<T>
    {
        x = Bounded(x);
        Quad<T> s = T.Exp2(T.Of(-LogTwoOfE), x);
        T one = T.Of(1f);
        s.X = one / (one + s.X);
        s.Y = one / (one + s.Y);
        s.Z = one / (one + s.Z);
        s.W = one / (one + s.W);
        x.X = s.X * T.Fma(x.X, one - s.X, one);
        x.Y = s.Y * T.Fma(x.Y, one - s.Y, one);
        x.Z = s.Z * T.Fma(x.Z, one - s.Z, one);
        x.W = s.W * T.Fma(x.W, one - s.W, one);
        return x;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Quad<T> Bounded<T>(Quad<T> x)
        where T : unmanaged, ICpuLane<T>
    {
        x.X = T.Clamp(x.X, -SigmoidEnd, SigmoidEnd);
        x.Y = T.Clamp(x.Y, -SigmoidEnd, SigmoidEnd);
        x.Z = T.Clamp(x.Z, -SigmoidEnd, SigmoidEnd);
        x.W = T.Clamp(x.W, -SigmoidEnd, SigmoidEnd);
        return x;
    }

    /// <summary>tanh |x| = 1 − 2 / (e^2|x| + 1), near 0 an odd polynomial.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x)
        where T : unmanaged, ICpuLane<T>
    {
        T a = T.Abs(x), one = T.Of(1f), square = x * x;
        T far = one - (T.Of(2f) / (Exp(a + a) + one));
        T p = T.Of(-5.89515734e-3f);
        p = T.Fma(p, square, T.Of(2.07959712e-2f));
        p = T.Fma(p, square, T.Of(-5.37838303e-2f));
        p = T.Fma(p, square, T.Of(1.33319244e-1f));
        p = T.Fma(p, square, T.Of(-3.33332986e-1f));
        return T.WhereGreater(a, T.Of(0.6f), T.WhereGreater(x, T.Of(0f), far, -far), x * T.Fma(p, square, one));
    }

    /// <summary>ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|).</summary>
    /// <remarks>Above 20 it is x, as the published Mamba defines it.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Softplus<T>(T x)
        where T : unmanaged, ICpuLane<T>
    {
        // On all of 0 … 1 ln(1 + z) takes no more terms than LogOnePlus does, and no k.
        T z = ExpOfMinus(x);
        T p = T.Of(-3.67563916e-3f);
        p = T.Fma(p, z, T.Of(2.18680017e-2f));
        p = T.Fma(p, z, T.Of(-6.09091185e-2f));
        p = T.Fma(p, z, T.Of(1.10240452e-1f));
        p = T.Fma(p, z, T.Of(-1.55689999e-1f));
        p = T.Fma(p, z, T.Of(1.97741762e-1f));
        p = T.Fma(p, z, T.Of(-2.49750778e-1f));
        p = T.Fma(p, z, T.Of(3.33322495e-1f));
        p = T.Fma(p, z, T.Of(-0.5f));
        return T.AtLeast(x, 0f) + T.Fma(p, z * z, z);
    }

    /// <summary>k ln 2 + ln(1 + f) for f in [√½ − 1, √2 − 1].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T LogOnePlus<T>(T f, T k)
        where T : unmanaged, ICpuLane<T>
    {
        T p = T.Of(6.746649e-2f);
        p = T.Fma(p, f, T.Of(-1.16756551e-1f));
        p = T.Fma(p, f, T.Of(1.18881606e-1f));
        p = T.Fma(p, f, T.Of(-1.24055885e-1f));
        p = T.Fma(p, f, T.Of(1.42195523e-1f));
        p = T.Fma(p, f, T.Of(-1.66679963e-1f));
        p = T.Fma(p, f, T.Of(2.00021192e-1f));
        p = T.Fma(p, f, T.Of(-2.50000089e-1f));
        p = T.Fma(p, f, T.Of(3.33333135e-1f));
        p = T.Fma(p, f, T.Of(-0.5f));
        return T.Fma(k, T.Of(LogTwo), T.Fma(p, f * f, T.Fma(k, T.Of(-LogTwoRest), f)));
    }

    /// <summary>Brings the line of an address into the second cache, where the machine takes such hints.</summary>
    /// <remarks>The first cache has room for little, and its few buffers for misses are what loads wait for.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe void Prefetch(float* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(address);
        }
    }
}
