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
    /// <remarks>Kahan's correction u·ln(1+u)/((1+u)−1) keeps small results accurate, where Δ lives.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Softplus<T>(T x)
        where T : unmanaged, ILane<T>
    {
        T u = T.Exp(T.Min(x, T.Of(20f)));
        T v = T.Of(1f) + u;
        T rounded = v - T.Of(1f);
        T log = T.WhereGreater(rounded, T.Of(0f), T.Log(v) * u / T.Max(rounded, T.Of(1e-30f)), u);
        return T.WhereGreater(x, T.Of(20f), x, log);
    }
}
