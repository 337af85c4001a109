using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>Functions composed from a lane's own, the same on every back end.</summary>
internal static class LaneMath
{
    /// <summary>SiLU(x) = x · σ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Silu<T>(T x)
        where T : unmanaged, ILane<T> => x / (T.Of(1f) + T.Exp(-x));

    /// <summary>dSiLU/dx = σ(x) · (1 + x · (1 − σ(x))).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SiluSlope<T>(T x)
        where T : unmanaged, ILane<T>
    {
        T s = T.Of(1f) / (T.Of(1f) + T.Exp(-x));
        return s * T.Fma(x, T.Of(1f) - s, T.Of(1f));
    }
}
