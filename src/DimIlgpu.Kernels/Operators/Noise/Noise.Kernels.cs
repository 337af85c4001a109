using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>What the two fills share: a block of four words, and where its elements go.</summary>
internal static class NoiseBlock
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Philox Draw<TLane>(Floats state, int block, int slot)
        where TLane : unmanaged, ILane<TLane> =>
        new Philox((uint)block, (uint)slot, (uint)TLane.ReadInt(state, 2), (uint)TLane.ReadInt(state, 3))
            .Block((uint)TLane.ReadInt(state, 0), (uint)TLane.ReadInt(state, 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TLane>(Floats y, int block, long length, float a, float b, float c, float d)
        where TLane : unmanaged, ILane<TLane>
    {
        long i = (long)block * 4;
        TLane.Store(y, i, TLane.Of(a));
        if (i + 1 < length)
        {
            TLane.Store(y, i + 1, TLane.Of(b));
        }

        if (i + 2 < length)
        {
            TLane.Store(y, i + 2, TLane.Of(c));
        }

        if (i + 3 < length)
        {
            TLane.Store(y, i + 3, TLane.Of(d));
        }
    }
}

/// <summary>A column is a block of four elements.</summary>
internal readonly struct NoiseUniform(Floats state, Floats y, int slot, long length) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        Philox words = NoiseBlock.Draw<TLane>(state, column, slot);
        NoiseBlock.Store<TLane>(
            y, column, length, Uniform(words.A), Uniform(words.B), Uniform(words.C), Uniform(words.D));
    }

    // 23 bits and a half fit a float exactly, so the result never rounds to 1.
    private static float Uniform(uint word) => ((int)(word >> 9) + 0.5f) * 1.1920929e-7f;
}

/// <summary>A column is a block of four elements: signed tail probabilities, which keep the precision that a uniform number near 1 lacks.</summary>
internal readonly struct NoiseTail(Floats state, Floats y, int slot, long length) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        Philox words = NoiseBlock.Draw<TLane>(state, column, slot);
        NoiseBlock.Store<TLane>(y, column, length, Tail(words.A), Tail(words.B), Tail(words.C), Tail(words.D));
    }

    private static float Tail(uint word)
    {
        float p = ((int)(word >> 1) * 2.3283064e-10f) + 1.1641532e-10f;
        return (word & 1) != 0 ? -p : p;
    }
}

/// <summary>One lane, in place: the normal number whose tail has the given probability and sign.</summary>
/// <remarks>In several methods, as one body would exceed what the JIT is willing to inline.</remarks>
internal readonly struct NoiseNormal(Floats y, int pitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long at = (strip * pitch) + column;
        TLane tail = TLane.Load(y, at);
        TLane p = TLane.Max(tail, -tail);
        TLane w = Logarithm(p);
        TLane root = TLane.WhereGreater(TLane.Of(5f), w, Near(w), Far(w));
        TLane z = TLane.Of(1.41421356f) * TLane.Fma(TLane.Of(-2f), p, TLane.Of(1f)) * root;
        TLane.Store(y, at, TLane.WhereGreater(tail, TLane.Of(0f), z, -z));
    }

    /// <summary>−ln(1 − x²), x = 1 − 2p, as −ln 4p(1 − p): exact in the tail.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static T Logarithm<T>(T p)
        where T : unmanaged, ILane<T> => -T.Log(T.Of(4f) * p * (T.Of(1f) - p));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static T Near<T>(T w)
        where T : unmanaged, ILane<T>
    {
        T s = w - T.Of(2.5f);
        T sum = T.Of(2.81022636e-08f);
        sum = T.Fma(sum, s, T.Of(3.43273939e-07f));
        sum = T.Fma(sum, s, T.Of(-3.5233877e-06f));
        sum = T.Fma(sum, s, T.Of(-4.39150654e-06f));
        sum = T.Fma(sum, s, T.Of(0.00021858087f));
        sum = T.Fma(sum, s, T.Of(-0.00125372503f));
        sum = T.Fma(sum, s, T.Of(-0.00417768164f));
        sum = T.Fma(sum, s, T.Of(0.246640727f));
        return T.Fma(sum, s, T.Of(1.50140941f));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static T Far<T>(T w)
        where T : unmanaged, ILane<T>
    {
        T s = T.Sqrt(T.Max(w, T.Of(0f))) - T.Of(3f);
        T sum = T.Of(-0.000200214257f);
        sum = T.Fma(sum, s, T.Of(0.000100950558f));
        sum = T.Fma(sum, s, T.Of(0.00134934322f));
        sum = T.Fma(sum, s, T.Of(-0.00367342844f));
        sum = T.Fma(sum, s, T.Of(0.00573950773f));
        sum = T.Fma(sum, s, T.Of(-0.0076224613f));
        sum = T.Fma(sum, s, T.Of(0.00943887047f));
        sum = T.Fma(sum, s, T.Of(1.00167406f));
        return T.Fma(sum, s, T.Of(2.83297682f));
    }
}
