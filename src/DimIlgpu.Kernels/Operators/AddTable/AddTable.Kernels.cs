using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 8 bytes read, 4 of them from a table that stays in cache, and 4 written per element.</summary>
internal readonly struct AddTableForward(
    Floats x, Floats table, Floats y, int xPitch, int tablePitch, int yPitch, long tokens) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane> => TLane.Store(
            y, (strip * yPitch) + column,
            TLane.Load(x, (strip * xPitch) + column) + TLane.Load(table, (strip % tokens * tablePitch) + column));
}

/// <summary>A strip is one token, summed over the batch: there are enough of them to need no second stage.</summary>
internal readonly struct AddTableBackward(
    Floats dy, Floats dtable, int dyPitch, int tablePitch, long tokens, int batch, int add) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane sum = TLane.Of(0f);
        for (int b = 0; b < batch; b++)
        {
            sum += TLane.Load(dy, (((b * tokens) + strip) * dyPitch) + column);
        }

        long to = (strip * tablePitch) + column;
        TLane.Store(dtable, to, add != 0 ? TLane.Load(dtable, to) + sum : sum);
    }
}
