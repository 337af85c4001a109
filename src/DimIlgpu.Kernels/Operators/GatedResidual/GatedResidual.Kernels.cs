using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>A row at a time, so that its sample is found once: 8 bytes read and 4 written per element.</summary>
internal readonly struct GatedResidualForward(
    Floats x, Floats gate, Floats o, Floats y, int xPitch, int gatePitch, int oPitch, int yPitch, int columns, long rows)
    : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long residual = row * xPitch, gates = row / rows * gatePitch, branch = row * oPitch, to = row * yPitch;
        for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
        {
            TLane.Store(
                y, to + c,
                TLane.Fma(TLane.Load(gate, gates + c), TLane.Load(o, branch + c), TLane.Load(x, residual + c)));
        }
    }
}

/// <summary>
/// A part of a sample's rows at a time, a few rows together: memory is read in as many ascending streams,
/// and the partial sum is fetched once for all of them.
/// </summary>
internal readonly struct GatedResidualBackward(
    Floats gate, Floats o, Floats dy, Target dx, Floats dgate, Target branch,
    int gatePitch, int oPitch, int dyPitch, int columns, long rows, int parts) : IRowKernel
{
    private const int Together = 4;

    public static int MostRegisters => 4;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long sample = row / parts;
        int part = (int)(row % parts);
        long origin = sample * rows;
        long begin = origin + ColumnSum.Begin(rows, part, parts), end = origin + ColumnSum.Begin(rows, part + 1, parts);
        for (long first = begin; first < end; first += Together)
        {
            long last = first + Together < end ? first + Together : end;
            for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
            {
                TLane factor = TLane.Load(gate, (sample * gatePitch) + c);
                TLane sum = first > begin ? TLane.Load(dgate, (row * columns) + c) : TLane.Of(0f);
                for (long r = first; r < last; r++)
                {
                    TLane d = TLane.Load(dy, (r * dyPitch) + c);
                    sum = TLane.Fma(d, TLane.Load(o, (r * oPitch) + c), sum);
                    dx.Put(r, c, d);
                    branch.Put(r, c, d * factor);
                }

                TLane.Store(dgate, (row * columns) + c, sum);
            }
        }
    }
}
