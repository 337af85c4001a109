using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>First stage: a row of the launch is a part. 4 bytes read per element.</summary>
internal readonly struct SquaredNormPartial(Floats x, Floats partial, int columns, long rows, int parts) : IRowKernel
{
    /// <summary>Elements from one part's sum to the next: the widest lane, which is what a lane can write.</summary>
    public const int Stride = 16;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long end = ColumnSum.Begin(rows, (int)row + 1, parts);
        TLane sum = TLane.Of(0f);
        for (long r = ColumnSum.Begin(rows, (int)row, parts); r < end; r++)
        {
            TLane line = TLane.Of(0f);
            for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
            {
                TLane value = TLane.Load(x, (r * columns) + c);
                line = TLane.Fma(value, value, line);
            }

            sum += line;
        }

        float total = TPlatform.Sum(TLane.Sum(sum));
        if (TPlatform.Rank == 0)
        {
            TLane.Store(partial, row * Stride, TLane.Of(total));
        }
    }
}

/// <summary>Second stage: one group sums the parts.</summary>
internal readonly struct SquaredNormTotal(Floats partial, Floats y, int parts, int stride) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        float sum = 0f;
        for (int part = TPlatform.Rank; part < parts; part += TPlatform.Size)
        {
            sum += TLane.Read(partial, (long)part * stride);
        }

        sum = TPlatform.Sum(sum);
        if (TPlatform.Rank == 0)
        {
            TLane.Store(y, row, TLane.Of(sum));
        }
    }
}
