using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace DimIlgpu.Kernels;

/// <summary>A row at a time: read once from memory, once more from the cache; twice more where a gated branch is added first.</summary>
internal readonly struct LayerNormForward(
    Floats x, Floats gate, Floats o, Floats y, Floats shift, Floats scale, Floats h, Floats statistics, int xPitch, int gatePitch, int oPitch, int yPitch,
    int shiftPitch, int scalePitch, int hPitch, int columns, long rows, int modulated, int gated) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        if (gated != 0)
        {
            long residual = row * xPitch, gates = row / rows * gatePitch, branch = row * oPitch, sum = row * yPitch;
            for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
            {
                TLane.Store(
                    y, sum + c, TLane.Fma(TLane.Load(gate, gates + c), TLane.Load(o, branch + c), TLane.Load(x, residual + c)));
            }

            // Every thread reads the row's first element.
            TPlatform.Barrier();
        }

        this.Normalise<TPlatform, TLane>(gated != 0 ? y : x, row * (gated != 0 ? yPitch : xPitch), row);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Normalise<TPlatform, TLane>(Floats stream, long from, long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long to = row * hPitch;
        int first = TPlatform.Rank * TLane.Count, step = TPlatform.Size * TLane.Count;

        // One element of a row lies within √columns standard deviations of the row's mean, however large that is,
        // so that sums of differences from it lose at most the digits of a factor of columns.
        float origin = TLane.Read(stream, from);
        TLane sum = TLane.Of(0f), square = TLane.Of(0f);
        for (int c = first; c < columns; c += step)
        {
            TLane d = TLane.Load(stream, from + c) - TLane.Of(origin);
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
                TLane.Store(h, to + c, (TLane.Load(stream, from + c) - TLane.Of(mean)) * TLane.Of(reciprocal));
            }

            return;
        }

        long sample = row / rows;
        for (int c = first; c < columns; c += step)
        {
            TLane normal = (TLane.Load(stream, from + c) - TLane.Of(mean)) * TLane.Of(reciprocal);
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
    Floats x, Floats gate, Floats o, Floats scale, Floats statistics, Floats dy, Floats dh, Target dx, Target branch,
    Floats dshift, Floats dscale, Floats dgate, int xPitch, int gatePitch, int oPitch, int scalePitch, int dyPitch, int dhPitch,
    int columns, long rows, int parts, int modulated, int gated, int seeded) : IRowKernel
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

                TLane d = (g - TLane.Fma(normal, meanProduct, meanSum)) * reciprocal;
                if (gated != 0)
                {
                    d = seeded != 0 ? d + TLane.Load(dy, (r * dyPitch) + c) : d;
                    TLane gates = d * TLane.Load(o, (r * oPitch) + c);
                    TLane.Store(dgate, sums + c, t > begin ? gates + TLane.Load(dgate, sums + c) : gates);
                    branch.Put(r, c, d * TLane.Load(gate, (sample * gatePitch) + c));
                }

                dx.Put(r, c, d);
            }
        }
    }
}
