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

/// <summary>dy becomes dx, in place: 8 bytes read and 4 written per element.</summary>
internal readonly struct SoftplusBackward(Floats y, Floats dy, int yPitch, int dyPitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long at = (strip * dyPitch) + column;
        TLane slope = TLane.Of(1f) - TLane.Exp(-TLane.Load(y, (strip * yPitch) + column));
        TLane.Store(dy, at, TLane.Load(dy, at) * slope);
    }
}
