using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace DimIlgpu.Kernels;

/// <summary>A row at a time: read once from memory, once more from the cache.</summary>
internal readonly struct LayerNormForward(
    Floats x, Floats shift, Floats scale, Floats h, Floats statistics,
    int xPitch, int shiftPitch, int scalePitch, int hPitch, int columns, long rows, int modulated) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long from = row * xPitch, to = row * hPitch;
        int first = TPlatform.Rank * TLane.Count, step = TPlatform.Size * TLane.Count;

        // One element of a row lies within √columns standard deviations of the row's mean, however large that is,
        // so that sums of differences from it lose at most the digits of a factor of columns.
        float origin = TLane.Read(x, from);
        TLane sum = TLane.Of(0f), square = TLane.Of(0f);
        for (int c = first; c < columns; c += step)
        {
            TLane d = TLane.Load(x, from + c) - TLane.Of(origin);
            sum += d;
            square = TLane.Fma(d, d, square);
        }

        float offset = TPlatform.Sum(TLane.Sum(sum)) / columns;
        float variance = (TPlatform.Sum(TLane.Sum(square)) / columns) - (offset * offset);
        float mean = origin + offset;
        float reciprocal = 1f / XMath.Sqrt(XMath.Max(variance, 0f) + LayerNorm.Epsilon);
        if (TPlatform.Rank == 0)
        {
            statistics.View[2 * row] = mean;
            statistics.View[(2 * row) + 1] = reciprocal;
        }

        if (modulated == 0)
        {
            for (int c = first; c < columns; c += step)
            {
                TLane.Store(h, to + c, (TLane.Load(x, from + c) - TLane.Of(mean)) * TLane.Of(reciprocal));
            }

            return;
        }

        long sample = row / rows;
        for (int c = first; c < columns; c += step)
        {
            TLane normal = (TLane.Load(x, from + c) - TLane.Of(mean)) * TLane.Of(reciprocal);
            TLane factor = TLane.Of(1f) + TLane.Load(scale, (sample * scalePitch) + c);
            TLane.Store(h, to + c, TLane.Fma(normal, factor, TLane.Load(shift, (sample * shiftPitch) + c)));
        }
    }
}

/// <summary>
/// A part of a sample's rows at a time, so that dx and the partial sums of dshift and dscale come from one
/// read of x and dh; the partial sums stay in the cache.
/// </summary>
internal readonly struct LayerNormBackward(
    Floats x, Floats scale, Floats statistics, Floats dh, Target dx, Floats dshift, Floats dscale,
    int xPitch, int scalePitch, int dhPitch, int columns, long rows, int parts, int modulated) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long sample = row / parts;
        int part = (int)(row % parts);
        long begin = ColumnSum.Begin(rows, part, parts), end = ColumnSum.Begin(rows, part + 1, parts);
        long factors = sample * scalePitch, sums = row * columns;
        int first = TPlatform.Rank * TLane.Count, step = TPlatform.Size * TLane.Count;
        for (long t = begin; t < end; t++)
        {
            long r = (sample * rows) + t;
            long from = r * xPitch, seed = r * dhPitch;
            TLane mean = TLane.Of(TLane.Read(statistics, 2 * r)), reciprocal = TLane.Of(TLane.Read(statistics, (2 * r) + 1));
            TLane sum = TLane.Of(0f), product = TLane.Of(0f);
            for (int c = first; c < columns; c += step)
            {
                TLane g = TLane.Load(dh, seed + c);
                if (modulated != 0)
                {
                    g = TLane.Fma(g, TLane.Load(scale, factors + c), g);
                }

                sum += g;
                product = TLane.Fma(g, (TLane.Load(x, from + c) - mean) * reciprocal, product);
            }

            TLane meanSum = TLane.Of(TPlatform.Sum(TLane.Sum(sum)) / columns);
            TLane meanProduct = TLane.Of(TPlatform.Sum(TLane.Sum(product)) / columns);
            for (int c = first; c < columns; c += step)
            {
                TLane g = TLane.Load(dh, seed + c);
                TLane normal = (TLane.Load(x, from + c) - mean) * reciprocal;
                if (modulated != 0)
                {
                    TLane shifts = g, scales = g * normal;
                    if (t > begin)
                    {
                        shifts += TLane.Load(dshift, sums + c);
                        scales += TLane.Load(dscale, sums + c);
                    }

                    TLane.Store(dshift, sums + c, shifts);
                    TLane.Store(dscale, sums + c, scales);
                    g = TLane.Fma(g, TLane.Load(scale, factors + c), g);
                }

                dx.Put(r, c, (g - TLane.Fma(normal, meanProduct, meanSum)) * reciprocal);
            }
        }
    }
}
