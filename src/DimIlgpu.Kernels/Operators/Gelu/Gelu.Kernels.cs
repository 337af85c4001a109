using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 4 bytes read and 4 written per element.</summary>
internal readonly struct GeluForward(Floats x, Floats y, int xPitch, int yPitch) : IStripKernel
{
    // 2 · √(2/π), and 2 · √(2/π) · 0.044715.
    internal const float Linear = 1.59576912f, Cubic = 0.0713548163f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane v = TLane.Load(x, (strip * xPitch) + column);
        TLane twice = v * TLane.Fma(v * v, TLane.Of(Cubic), TLane.Of(Linear));
        TLane.Store(y, (strip * yPitch) + column, v / (TLane.Of(1f) + TLane.Exp(-twice)));
    }
}

/// <summary>One lane: 8 bytes read and 4 written per element.</summary>
internal readonly struct GeluBackward(Floats x, Floats dy, Target dx, int xPitch, int dyPitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane v = TLane.Load(x, (strip * xPitch) + column), square = v * v;
        TLane s = TLane.Sigmoid(v * TLane.Fma(square, TLane.Of(GeluForward.Cubic), TLane.Of(GeluForward.Linear)));
        TLane slope = TLane.Fma(square, TLane.Of(3f * GeluForward.Cubic), TLane.Of(GeluForward.Linear));
        TLane d = TLane.Fma(v * slope, s * (TLane.Of(1f) - s), s);
        dx.Put(strip, column, TLane.Load(dy, (strip * dyPitch) + column) * d);
    }
}
