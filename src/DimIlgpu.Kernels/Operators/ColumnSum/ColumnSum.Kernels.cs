using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>First stage: a strip is one part of one group.</summary>
internal readonly struct ColumnSumPartial(Floats x, Floats partial, int xPitch, int columns, long rows, int parts)
    : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long group = strip / parts;
        int part = (int)(strip % parts);
        long end = ColumnSum.Begin(rows, part + 1, parts);
        TLane sum = TLane.Of(0f);
        for (long r = ColumnSum.Begin(rows, part, parts); r < end; r++)
        {
            sum += TLane.Load(x, (((group * rows) + r) * xPitch) + column);
        }

        TLane.Store(partial, (strip * columns) + column, sum);
    }
}

/// <summary>Second stage: the parts of a group, in order.</summary>
internal readonly struct ColumnSumFold(Floats partial, Floats y, int yPitch, int columns, int parts, int add) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane sum = add != 0 ? TLane.Load(y, (strip * yPitch) + column) : TLane.Of(0f);
        for (int part = 0; part < parts; part++)
        {
            sum += TLane.Load(partial, (((strip * parts) + part) * columns) + column);
        }

        TLane.Store(y, (strip * yPitch) + column, sum);
    }
}

/// <summary>One lane: 4 bytes written per element.</summary>
internal readonly struct ColumnSumBackward(Floats dy, Floats dx, int dyPitch, int dxPitch, long rows, int add) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane value = TLane.Load(dy, (strip / rows * dyPitch) + column);
        long to = (strip * dxPitch) + column;
        TLane.Store(dx, to, add != 0 ? TLane.Load(dx, to) + value : value);
    }
}
