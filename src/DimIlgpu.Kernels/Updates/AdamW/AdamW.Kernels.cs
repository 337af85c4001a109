using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 16 bytes read and 16 written per element, 4 and 4 more for the average, and 2 for a copy in bfloat16.</summary>
internal readonly struct AdamWKernel(
    Floats p, Floats g, Floats m, Floats v, Floats ema, Floats copy, Floats state, int columns,
    float beta1, float rate1, float beta2, float rate2, float epsilon, float weightDecay, int average, int copied) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long i = (strip * columns) + column;
        if (TLane.Read(state, UpdateState.GoAt) != 0f)
        {
            float learningRate = TLane.Read(state, UpdateState.LearningRateAt);
            TLane gradient = TLane.Load(g, i) * TLane.Of(TLane.Read(state, UpdateState.ScaleAt));
            TLane first = TLane.Fma(TLane.Of(beta1), TLane.Load(m, i), TLane.Of(rate1) * gradient);
            TLane second = TLane.Fma(TLane.Of(beta2), TLane.Load(v, i), TLane.Of(rate2) * gradient * gradient);
            TLane root = TLane.Sqrt(second * TLane.Of(TLane.Read(state, UpdateState.Correction2At))) + TLane.Of(epsilon);
            TLane step = first * TLane.Of(TLane.Read(state, UpdateState.Correction1At)) / root;
            TLane old = TLane.Load(p, i);
            TLane value = old - (TLane.Of(learningRate) * TLane.Fma(TLane.Of(weightDecay), old, step));
            TLane.Store(m, i, first);
            TLane.Store(v, i, second);
            TLane.Store(p, i, value);
            if (copied != 0)
            {
                TLane.Store(copy, i, value);
            }

            if (average != 0)
            {
                TLane mean = TLane.Load(ema, i);
                TLane.Store(ema, i, TLane.Fma(TLane.Of(TLane.Read(state, UpdateState.EmaRateAt)), value - mean, mean));
            }
        }

        TLane.Store(g, i, TLane.Of(0f));
    }
}
