using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 4 bytes read and 4 written per element.</summary>
internal readonly struct SiluForward(Floats x, Floats y, int xPitch, int yPitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane> =>
        TLane.Store(y, (strip * yPitch) + column, LaneMath.Silu(TLane.Load(x, (strip * xPitch) + column)));
}

/// <summary>One lane: 8 bytes read and 4 written per element.</summary>
internal readonly struct SiluBackward(Floats x, Floats dy, Target dx, int xPitch, int dyPitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane> => dx.Put(
            strip, column,
            TLane.Load(dy, (strip * dyPitch) + column) * LaneMath.SiluSlope(TLane.Load(x, (strip * xPitch) + column)));
}
