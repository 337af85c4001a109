using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>A single thread.</summary>
internal readonly struct ClipScaleKernel(Floats state, float maximum) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane squared = TLane.Load(state, UpdateState.SquaredNormAt);
        TLane scale = TLane.Load(state, UpdateState.GradientScaleAt);
        TLane norm = TLane.Sqrt(squared) * scale;
        if (maximum > 0f)
        {
            scale = TLane.WhereGreater(norm, TLane.Of(maximum), scale * TLane.Of(maximum) / norm, scale);
        }

        // By its bits: ILGPU's CUDA code takes a comparison with NaN for true.
        const int Exponent = 0x7f800000;
        TLane go = TLane.Of((TLane.ReadInt(state, UpdateState.SquaredNormAt) & Exponent) == Exponent ? 0f : 1f);
        TLane.Store(state, UpdateState.NormAt, norm);
        TLane.Store(state, UpdateState.ScaleAt, TLane.WhereGreater(go, TLane.Of(0f), scale, TLane.Of(0f)));
        TLane.Store(state, UpdateState.GoAt, go);
    }
}
