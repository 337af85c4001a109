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

        // No comparison with NaN holds, so both NaN and ∞ end the update.
        TLane largest = TLane.Of(float.MaxValue), none = TLane.Of(0f);
        TLane.Store(state, UpdateState.NormAt, norm);
        TLane.Store(state, UpdateState.ScaleAt, TLane.WhereGreater(largest, squared, scale, none));
        TLane.Store(state, UpdateState.GoAt, TLane.WhereGreater(largest, squared, TLane.Of(1f), none));
    }
}
