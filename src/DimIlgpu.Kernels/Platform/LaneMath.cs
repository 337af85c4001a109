using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>Functions composed from a lane's own, the same on every back end.</summary>
internal static class LaneMath
{
    /// <summary>σ(x) = 1 / (1 + e^−x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x)
        where T : unmanaged, ILane<T> => T.Of(1f) / (T.Of(1f) + T.Exp(-x));

    /// <summary>SiLU(x) = x · σ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Silu<T>(T x)
        where T : unmanaged, ILane<T> => x / (T.Of(1f) + T.Exp(-x));

    /// <summary>dSiLU/dx = σ(x) · (1 + x · (1 − σ(x))).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SiluSlope<T>(T x)
        where T : unmanaged, ILane<T>
    {
        T s = Sigmoid(x);
        return s * T.Fma(x, T.Of(1f) - s, T.Of(1f));
    }

    /// <summary>tanh x = 1 − 2 / (e^2x + 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x)
        where T : unmanaged, ILane<T> => T.Of(1f) - (T.Of(2f) / (T.Exp(x + x) + T.Of(1f)));

    /// <summary>ln(1 + e^x), the identity above 20 as in the published Mamba.</summary>
    /// <remarks>
    /// Below u = e^x = 0.1 the series of ln(1 + u) keeps the relative accuracy of small results, where Δ lives: 1 + u
    /// would round, and a GPU's logarithm has only absolute accuracy near 1.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Softplus<T>(T x)
        where T : unmanaged, ILane<T>
    {
        T u = T.Exp(T.Min(x, T.Of(20f)));
        T p = T.Fma(T.Of(-1f / 6f), u, T.Of(0.2f));
        p = T.Fma(p, u, T.Of(-0.25f));
        p = T.Fma(p, u, T.Of(1f / 3f));
        p = T.Fma(p, u, T.Of(-0.5f));
        p = T.Fma(p, u, T.Of(1f));
        T log = T.WhereGreater(u, T.Of(0.1f), T.Log(T.Of(1f) + u), p * u);
        return T.WhereGreater(x, T.Of(20f), x, log);
    }
}
