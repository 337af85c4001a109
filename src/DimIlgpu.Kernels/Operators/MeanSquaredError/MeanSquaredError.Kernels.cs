using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>A row: 8 bytes read per element.</summary>
internal readonly struct MeanSquaredErrorForward(
    Floats x, Floats target, Floats loss, int xPitch, int targetPitch, int columns) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long from = row * xPitch, to = row * targetPitch;
        TLane sum = TLane.Of(0f);
        for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
        {
            TLane difference = TLane.Load(x, from + c) - TLane.Load(target, to + c);
            sum = TLane.Fma(difference, difference, sum);
        }

        float total = TPlatform.Sum(TLane.Sum(sum));
        if (TPlatform.Rank == 0)
        {
            // Every column of the widest lane holds the loss: a lane cannot store a part of itself.
            TLane.Store(loss, row * RowResult.Width, TLane.Of(total / columns));
        }
    }
}

/// <summary>One lane: 8 bytes read and 4 written per element.</summary>
internal readonly struct MeanSquaredErrorBackward(
    Floats x, Floats target, Floats dloss, Floats dx, int xPitch, int targetPitch, int dxPitch, int columns, int add)
    : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane value = TLane.Of(TLane.Read(dloss, strip) * 2f / columns) *
            (TLane.Load(x, (strip * xPitch) + column) - TLane.Load(target, (strip * targetPitch) + column));
        long to = (strip * dxPitch) + column;
        TLane.Store(dx, to, add != 0 ? TLane.Load(dx, to) + value : value);
    }
}
