using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>
/// A strip is a chunk of one sample's tokens. A window of seven tokens rolls over it, so that one read of x
/// serves both directions.
/// </summary>
internal readonly struct CausalConvolutionForward(
    Floats x, Floats weight, Floats bias, Floats u,
    int xPitch, int uPitch, int channels, int width, int length, int chunk, int chunks, long rows) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long sample = strip / chunks * length;
        int begin = (int)(strip % chunks) * chunk;
        int end = begin + chunk < length ? begin + chunk : length;
        TLane f0 = CausalTap.Weight<TLane>(weight, 0, 0, width, channels, column);
        TLane f1 = CausalTap.Weight<TLane>(weight, 0, 1, width, channels, column);
        TLane f2 = CausalTap.Weight<TLane>(weight, 0, 2, width, channels, column);
        TLane f3 = CausalTap.Weight<TLane>(weight, 0, 3, width, channels, column);
        TLane b0 = CausalTap.Weight<TLane>(weight, 1, 0, width, channels, column);
        TLane b1 = CausalTap.Weight<TLane>(weight, 1, 1, width, channels, column);
        TLane b2 = CausalTap.Weight<TLane>(weight, 1, 2, width, channels, column);
        TLane b3 = CausalTap.Weight<TLane>(weight, 1, 3, width, channels, column);
        TLane fBias = TLane.Load(bias, column), bBias = TLane.Load(bias, channels + column);
        TLane x0 = CausalTap.Token<TLane>(x, sample, begin - 3, length, xPitch, column);
        TLane x1 = CausalTap.Token<TLane>(x, sample, begin - 2, length, xPitch, column);
        TLane x2 = CausalTap.Token<TLane>(x, sample, begin - 1, length, xPitch, column);
        TLane x3 = CausalTap.Token<TLane>(x, sample, begin, length, xPitch, column);
        TLane x4 = CausalTap.Token<TLane>(x, sample, begin + 1, length, xPitch, column);
        TLane x5 = CausalTap.Token<TLane>(x, sample, begin + 2, length, xPitch, column);
        for (int t = begin; t < end; t++)
        {
            TLane x6 = CausalTap.Token<TLane>(x, sample, t + 3, length, xPitch, column);
            long to = ((sample + t) * uPitch) + column;
            TLane.Store(u, to, LaneMath.Silu(CausalTap.Sum(fBias, f0, f1, f2, f3, x0, x1, x2, x3)));
            TLane.Store(u, to + (rows * uPitch), LaneMath.Silu(CausalTap.Sum(bBias, b0, b1, b2, b3, x6, x5, x4, x3)));
            x0 = x1;
            x1 = x2;
            x2 = x3;
            x3 = x4;
            x4 = x5;
            x5 = x6;
        }
    }
}

/// <summary>
/// A strip is a chunk of one sample's tokens. Step i knows x of tokens i − 3 … i, which both the forward direction's
/// output i and the backward direction's output i − 3 were computed from; with them dx of token i − 3 is complete.
/// </summary>
internal readonly struct CausalConvolutionBackward(
    Floats x, Floats weight, Floats bias, Floats du, Target dx, Floats partial,
    int xPitch, int duPitch, int channels, int width, int length, int chunk, int chunks, long rows) : IStripKernel
{
    // Ten sums and eight taps of each column: four columns do not fit the registers.
    public static int MostColumnsPerThread => 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long sample = strip / chunks * length;
        int begin = (int)(strip % chunks) * chunk;
        int end = begin + chunk < length ? begin + chunk : length;
        TLane f0 = CausalTap.Weight<TLane>(weight, 0, 0, width, channels, column);
        TLane f1 = CausalTap.Weight<TLane>(weight, 0, 1, width, channels, column);
        TLane f2 = CausalTap.Weight<TLane>(weight, 0, 2, width, channels, column);
        TLane f3 = CausalTap.Weight<TLane>(weight, 0, 3, width, channels, column);
        TLane b0 = CausalTap.Weight<TLane>(weight, 1, 0, width, channels, column);
        TLane b1 = CausalTap.Weight<TLane>(weight, 1, 1, width, channels, column);
        TLane b2 = CausalTap.Weight<TLane>(weight, 1, 2, width, channels, column);
        TLane b3 = CausalTap.Weight<TLane>(weight, 1, 3, width, channels, column);
        TLane fBias = TLane.Load(bias, column), bBias = TLane.Load(bias, channels + column);
        TLane zero = TLane.Of(0f);
        TLane df0 = zero, df1 = zero, df2 = zero, df3 = zero, db0 = zero, db1 = zero, db2 = zero, db3 = zero;
        TLane dfBias = zero, dbBias = zero;

        // Contributions to dx of tokens i − 3 … i that are known so far.
        TLane d0 = zero, d1 = zero, d2 = zero;
        TLane p0 = zero, p1 = zero, p2 = zero;
        TLane x0 = CausalTap.Token<TLane>(x, sample, begin - 3, length, xPitch, column);
        TLane x1 = CausalTap.Token<TLane>(x, sample, begin - 2, length, xPitch, column);
        TLane x2 = CausalTap.Token<TLane>(x, sample, begin - 1, length, xPitch, column);
        for (int i = begin; i < end + 3; i++)
        {
            TLane x3 = CausalTap.Token<TLane>(x, sample, i, length, xPitch, column);
            long next = ((sample + i) * duPitch) + column + TLane.Count;
            TLane.Prefetch(x, ((sample + i) * xPitch) + column + TLane.Count);
            TLane.Prefetch(du, next);
            TLane.Prefetch(du, next + (rows * duPitch));
            TLane f = CausalTap.Token<TLane>(du, sample, i, length, duPitch, column)
                * LaneMath.SiluSlope(CausalTap.Sum(fBias, f0, f1, f2, f3, x0, x1, x2, x3));
            TLane b = CausalTap.Token<TLane>(du, rows + sample, i - 3, length, duPitch, column)
                * LaneMath.SiluSlope(CausalTap.Sum(bBias, b0, b1, b2, b3, x3, x2, x1, x0));

            // Outputs beyond either end of the chunk serve dx only: their own chunk counts them.
            if (i < end)
            {
                dfBias += f;
                df0 = TLane.Fma(f, x0, df0);
                df1 = TLane.Fma(f, x1, df1);
                df2 = TLane.Fma(f, x2, df2);
                df3 = TLane.Fma(f, x3, df3);
            }

            if (i >= begin + 3)
            {
                dbBias += b;
                db0 = TLane.Fma(b, x3, db0);
                db1 = TLane.Fma(b, x2, db1);
                db2 = TLane.Fma(b, x1, db2);
                db3 = TLane.Fma(b, x0, db3);
                TLane d = TLane.Fma(f0, f, d0) + CausalTap.Sum(zero, b0, b1, b2, b3, p0, p1, p2, b);
                dx.Put(sample + i - 3, column, d);
            }

            d0 = TLane.Fma(f1, f, d1);
            d1 = TLane.Fma(f2, f, d2);
            d2 = f3 * f;
            p0 = p1;
            p1 = p2;
            p2 = b;
            x0 = x1;
            x1 = x2;
            x2 = x3;
        }

        long sums = (strip * 2 * (width + 1) * channels) + column;
        CausalTap.Put(partial, sums, 0, 0, width, channels, df0);
        CausalTap.Put(partial, sums, 0, 1, width, channels, df1);
        CausalTap.Put(partial, sums, 0, 2, width, channels, df2);
        CausalTap.Put(partial, sums, 0, 3, width, channels, df3);
        CausalTap.Put(partial, sums, 1, 0, width, channels, db0);
        CausalTap.Put(partial, sums, 1, 1, width, channels, db1);
        CausalTap.Put(partial, sums, 1, 2, width, channels, db2);
        CausalTap.Put(partial, sums, 1, 3, width, channels, db3);
        sums += (long)2 * width * channels;
        TLane.Store(partial, sums, dfBias);
        TLane.Store(partial, sums + channels, dbBias);
    }
}

/// <summary>
/// Four taps, the last at the token itself. A narrower filter is one whose first taps are zero,
/// so that one body serves every width.
/// </summary>
internal static class CausalTap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Weight<TLane>(Floats weight, int direction, int tap, int width, int channels, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        int k = tap + width - 4;
        return k < 0 ? TLane.Of(0f) : TLane.Load(weight, ((long)((direction * width) + k) * channels) + column);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put<TLane>(
        Floats partial, long sums, int direction, int tap, int width, int channels, TLane value)
        where TLane : unmanaged, ILane<TLane>
    {
        int k = tap + width - 4;
        if (k >= 0)
        {
            TLane.Store(partial, sums + ((long)((direction * width) + k) * channels), value);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Token<TLane>(Floats x, long sample, int t, int length, int pitch, int column)
        where TLane : unmanaged, ILane<TLane> =>
        t < 0 || t >= length ? TLane.Of(0f) : TLane.Load(x, ((sample + t) * pitch) + column);

    // The farthest token first in both directions, so that they agree to the bit.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Sum<TLane>(
        TLane bias, TLane w0, TLane w1, TLane w2, TLane w3, TLane x0, TLane x1, TLane x2, TLane x3)
        where TLane : unmanaged, ILane<TLane> =>
        TLane.Fma(w3, x3, TLane.Fma(w2, x2, TLane.Fma(w1, x1, TLane.Fma(w0, x0, bias))));
}
