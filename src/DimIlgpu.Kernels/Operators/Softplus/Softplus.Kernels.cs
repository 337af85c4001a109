using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 4 bytes read and 4 written per element.</summary>
internal readonly struct SoftplusForward(Floats x, Floats bias, Floats y, int xPitch, int biasPitch, int yPitch, long rows)
    : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane> => TLane.Store(
            y, (strip * yPitch) + column,
            TLane.Softplus(TLane.Load(x, (strip * xPitch) + column) + TLane.Load(bias, ((uint)strip / (uint)rows * (long)biasPitch) + column)));
}

/// <summary>
/// A part of the rows that share a bias at a time, a few rows together: dx and the partial sums of the bias's gradient come
/// from one read of y and dy, 8 bytes read and 4 written per element.
/// </summary>
internal readonly struct SoftplusBackward(
    Floats y, Floats dy, Target dx, Floats partial, int yPitch, int dyPitch, int columns, long rows, int parts) : IRowKernel
{
    private const int Together = 4;

    // e^−y = 2^(−y·log₂e), as exact as a difference from 1 can show.
    private const float MinusLogTwoE = -1.44269504f;

    public static int MostRegisters => 4;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long origin = row / parts * rows;
        int part = (int)(row % parts);
        long begin = origin + ColumnSum.Begin(rows, part, parts), end = origin + ColumnSum.Begin(rows, part + 1, parts);
        for (long first = begin; first < end; first += Together)
        {
            long last = first + Together < end ? first + Together : end;
            for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
            {
                TLane sum = first > begin ? TLane.Load(partial, (row * columns) + c) : TLane.Of(0f);
                for (long r = first; r < last; r++)
                {
                    TLane slope = TLane.Of(1f) - TLane.Exp2(TLane.Of(MinusLogTwoE), TLane.Load(y, (r * yPitch) + c));
                    TLane d = TLane.Load(dy, (r * dyPitch) + c) * slope;
                    dx.Put(r, c, d);
                    sum += d;
                }

                TLane.Store(partial, (row * columns) + c, sum);
            }
        }
    }
}
