using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 8 bytes read and 4 written per element.</summary>
internal readonly struct EmaKernel(Floats p, Floats ema, Floats state, int columns) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long i = (strip * columns) + column;
        TLane mean = TLane.Load(ema, i);
        TLane rate = TLane.Of(TLane.Read(state, UpdateState.EmaRateAt));
        TLane.Store(ema, i, TLane.Fma(rate, TLane.Load(p, i) - mean, mean));
    }
}
