using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 12 bytes read and 4 written per element.</summary>
internal readonly struct SumGateForward(
    Floats y, Floats z, Floats g, int yPitch, int zPitch, int gPitch, long rows, float factor) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long forward = (strip * yPitch) + column;
        TLane sum = TLane.Load(y, forward) + TLane.Load(y, forward + (rows * yPitch));
        TLane.Store(
            g, (strip * gPitch) + column,
            sum * TLane.Of(factor) * LaneMath.Silu(TLane.Load(z, (strip * zPitch) + column)));
    }
}

/// <summary>One lane: 16 bytes read and 12 written per element.</summary>
internal readonly struct SumGateBackward(
    Floats y, Floats z, Floats dg, Target dy, Target dz, int yPitch, int zPitch, int dgPitch, long rows, float factor)
    : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long forward = (strip * yPitch) + column;
        TLane sum = TLane.Load(y, forward) + TLane.Load(y, forward + (rows * yPitch));
        TLane gate = TLane.Load(z, (strip * zPitch) + column);
        TLane d = TLane.Load(dg, (strip * dgPitch) + column) * TLane.Of(factor);
        TLane sigmoid = TLane.Sigmoid(gate);
        TLane silu = gate * sigmoid;
        TLane direction = d * silu;
        dy.Put(strip, column, direction);
        dy.Put(rows + strip, column, direction);
        dz.Put(strip, column, d * sum * TLane.Fma(silu, TLane.Of(1f) - sigmoid, sigmoid));
    }
}
