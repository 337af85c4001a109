using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DimIlgpu.Kernels;

/// <summary>The transcendental functions of the CPU's lanes, written once for every register width.</summary>
internal static class CpuLaneMath
{
    /// <summary>1.5·2²³: adding it leaves no bits after the point, so the sum is rounded to an integer, which its low bits hold.</summary>
    public const float RoundingShift = 12582912f;

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

    /// <summary>e^x with Cody and Waite's two-part reduction; saturates below −87 and above 88.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x)
        where T : unmanaged, ICpuLane<T>
    {
        x = T.Min(T.Max(x, T.Of(-87.33f)), T.Of(88.37f));
        T k = T.Round(x * T.Of(1.44269504f));
        T r = T.Fma(k, T.Of(-0.693359375f), x);
        r = T.Fma(k, T.Of(2.12194440e-4f), r);
        T p = T.Of(1.9875691500e-4f);
        p = T.Fma(p, r, T.Of(1.3981999507e-3f));
        p = T.Fma(p, r, T.Of(8.3334519073e-3f));
        p = T.Fma(p, r, T.Of(4.1665795894e-2f));
        p = T.Fma(p, r, T.Of(1.6666665459e-1f));
        p = T.Fma(p, r, T.Of(5.0000001201e-1f));
        return T.Scale(T.Fma(p, r * r, r) + T.Of(1f), k);
    }

    /// <summary>ln x by a polynomial in m − 1 for m in [√½, √2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Log<T>(T x)
        where T : unmanaged, ICpuLane<T>
    {
        T m = T.Split(x, out T k);
        T root = T.Of(1.41421356f);
        k = T.WhereGreater(m, root, k + T.Of(1f), k);
        T f = T.WhereGreater(m, root, m * T.Of(0.5f), m) - T.Of(1f);
        T p = T.Of(7.0376836292e-2f);
        p = T.Fma(p, f, T.Of(-1.1514610310e-1f));
        p = T.Fma(p, f, T.Of(1.1676998740e-1f));
        p = T.Fma(p, f, T.Of(-1.2420140846e-1f));
        p = T.Fma(p, f, T.Of(1.4249322787e-1f));
        p = T.Fma(p, f, T.Of(-1.6668057665e-1f));
        p = T.Fma(p, f, T.Of(2.0000714765e-1f));
        p = T.Fma(p, f, T.Of(-2.4999993993e-1f));
        p = T.Fma(p, f, T.Of(3.3333331174e-1f));
        T square = f * f;
        T y = T.Fma(k, T.Of(-2.12194440e-4f), p * f * square);
        y = T.Fma(square, T.Of(-0.5f), y);
        return T.Fma(k, T.Of(0.693359375f), f + y);
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
