using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 8 bytes read and 4 written per element.</summary>
internal readonly struct SumForward(Floats a, Floats b, Floats y, int aPitch, int bPitch, int yPitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane> => TLane.Store(
            y, (strip * yPitch) + column,
            TLane.Load(a, (strip * aPitch) + column) + TLane.Load(b, (strip * bPitch) + column));
}
