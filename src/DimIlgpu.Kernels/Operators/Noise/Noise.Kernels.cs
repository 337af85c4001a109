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
internal readonly struct NoiseNormal(Floats y, int pitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long at = (strip * pitch) + column;
        TLane tail = TLane.Load(y, at);
        TLane p = TLane.Max(tail, -tail);
        TLane x = TLane.Fma(TLane.Of(-2f), p, TLane.Of(1f));

        // 1 − x² as 4p(1 − p): exact in the tail.
        TLane w = -TLane.Log(TLane.Of(4f) * p * (TLane.Of(1f) - p));
        TLane s = w - TLane.Of(2.5f);
        TLane near = TLane.Of(2.81022636e-08f);
        near = TLane.Fma(near, s, TLane.Of(3.43273939e-07f));
        near = TLane.Fma(near, s, TLane.Of(-3.5233877e-06f));
        near = TLane.Fma(near, s, TLane.Of(-4.39150654e-06f));
        near = TLane.Fma(near, s, TLane.Of(0.00021858087f));
        near = TLane.Fma(near, s, TLane.Of(-0.00125372503f));
        near = TLane.Fma(near, s, TLane.Of(-0.00417768164f));
        near = TLane.Fma(near, s, TLane.Of(0.246640727f));
        near = TLane.Fma(near, s, TLane.Of(1.50140941f));

        s = TLane.Sqrt(TLane.Max(w, TLane.Of(0f))) - TLane.Of(3f);
        TLane far = TLane.Of(-0.000200214257f);
        far = TLane.Fma(far, s, TLane.Of(0.000100950558f));
        far = TLane.Fma(far, s, TLane.Of(0.00134934322f));
        far = TLane.Fma(far, s, TLane.Of(-0.00367342844f));
        far = TLane.Fma(far, s, TLane.Of(0.00573950773f));
        far = TLane.Fma(far, s, TLane.Of(-0.0076224613f));
        far = TLane.Fma(far, s, TLane.Of(0.00943887047f));
        far = TLane.Fma(far, s, TLane.Of(1.00167406f));
        far = TLane.Fma(far, s, TLane.Of(2.83297682f));

        TLane z = TLane.Of(1.41421356f) * x * TLane.WhereGreater(TLane.Of(5f), w, near, far);
        TLane.Store(y, at, TLane.WhereGreater(tail, TLane.Of(0f), z, -z));
    }
}
