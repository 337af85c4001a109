using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 12 bytes read and 4 written per element.</summary>
internal readonly struct PosteriorNoiseForward(
    Floats mean, Floats variance, Floats noise, Floats k, Floats y,
    int meanPitch, int variancePitch, int noisePitch, int kPitch, int yPitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long row = strip * kPitch;
        TLane log = VariationalBoundTerm.LogVariance(
            TLane.Load(variance, (strip * variancePitch) + column), TLane.Read(k, row), TLane.Read(k, row + 1));
        TLane deviation = TLane.Of(TLane.Read(k, row + 2)) * TLane.Exp(TLane.Of(0.5f) * log);
        TLane.Store(
            y, (strip * yPitch) + column,
            TLane.Fma(
                deviation, TLane.Load(noise, (strip * noisePitch) + column),
                TLane.Load(mean, (strip * meanPitch) + column)));
    }
}
