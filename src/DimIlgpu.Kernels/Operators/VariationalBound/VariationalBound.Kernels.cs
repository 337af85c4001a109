using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>The bound of one element in nats, and its slope with respect to ln σ².</summary>
internal static class VariationalBoundTerm
{
    // ln 1e-12: the published floor under a probability.
    private const float Floor = -27.6310211f;

    /// <summary>ln σ² between its bounds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LogVariance<T>(T v, float smallest, float largest)
        where T : unmanaged, ILane<T> =>
        T.Fma(v, T.Of(0.5f * (largest - smallest)), T.Of(0.5f * (largest + smallest)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Divergence<T>(T d, T log, float smallest)
        where T : unmanaged, ILane<T>
    {
        T ratio = log - T.Of(smallest);
        return T.Of(0.5f) * (ratio - T.Of(1f) + T.Exp(-ratio) + (d * d * T.Exp(-log)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T DivergenceSlope<T>(T d, T log, float smallest)
        where T : unmanaged, ILane<T> =>
        T.Of(0.5f) * (T.Of(1f) - T.Exp(T.Of(smallest) - log) - (d * d * T.Exp(-log)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Surprise<T>(T sample, T d, T log)
        where T : unmanaged, ILane<T>
    {
        T scale = T.Exp(T.Of(-0.5f) * log);
        T p = Logit(scale * (d + T.Of(1f / 255))), q = Logit(scale * (d - T.Of(1f / 255)));
        T below = -LaneMath.Softplus(-p), above = -LaneMath.Softplus(q);
        T inside = below + above + T.Log(T.Max(T.Of(1f) - T.Exp(q - p), T.Of(1e-30f)));
        return -T.Max(Choose(sample, below, inside, above), T.Of(Floor));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SurpriseSlope<T>(T sample, T d, T log)
        where T : unmanaged, ILane<T>
    {
        T scale = T.Exp(T.Of(-0.5f) * log);
        T u = scale * (d + T.Of(1f / 255)), w = scale * (d - T.Of(1f / 255));
        T p = Logit(u), q = Logit(w);
        T gap = T.Exp(q - p);
        T rest = gap / T.Max(T.Of(1f) - gap, T.Of(1e-30f));

        // d ln Φ / dp and so on, times dp/du, times du/d ln σ² = −u/2.
        T byP = LogitSlope(u) * u * T.Of(-0.5f), byQ = LogitSlope(w) * w * T.Of(-0.5f);
        T fromP = LaneMath.Sigmoid(-p), fromQ = LaneMath.Sigmoid(q);
        T below = fromP * byP, above = -fromQ * byQ;
        T inside = ((fromP + rest) * byP) - ((fromQ + rest) * byQ);
        return T.WhereGreater(T.Of(-Floor), Surprise(sample, d, log), -Choose(sample, below, inside, above), T.Of(0f));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Choose<T>(T sample, T below, T inside, T above)
        where T : unmanaged, ILane<T> => T.WhereGreater(
            T.Of(-0.999f), sample, below, T.WhereGreater(sample, T.Of(0.999f), above, inside));

    /// <summary>Φ(u) = σ(Logit(u)): 1.5957691 = 2·√(2/π).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Logit<T>(T u)
        where T : unmanaged, ILane<T> =>
        T.Of(1.59576912f) * u * T.Fma(T.Of(0.044715f) * u, u, T.Of(1f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T LogitSlope<T>(T u)
        where T : unmanaged, ILane<T> =>
        T.Of(1.59576912f) * T.Fma(T.Of(3f * 0.044715f) * u, u, T.Of(1f));
}

/// <summary>A row: 16 bytes read per element.</summary>
internal readonly struct VariationalBoundForward(
    Floats sample, Floats noise, Floats prediction, Floats variance, Floats k, Floats bits,
    int predictionPitch, int variancePitch, int columns) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long at = row * columns, predictionAt = row * predictionPitch, varianceAt = row * variancePitch, own = row * 4;
        TLane kappa = TLane.Of(TLane.Read(k, own));
        float smallest = TLane.Read(k, own + 1), largest = TLane.Read(k, own + 2), decode = TLane.Read(k, own + 3);
        TLane sum = TLane.Of(0f);
        for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
        {
            TLane d = kappa * (TLane.Load(prediction, predictionAt + c) - TLane.Load(noise, at + c));
            TLane log = VariationalBoundTerm.LogVariance(TLane.Load(variance, varianceAt + c), smallest, largest);
            if (decode > 0f)
            {
                sum += VariationalBoundTerm.Surprise(TLane.Load(sample, at + c), d, log);
            }
            else
            {
                sum += VariationalBoundTerm.Divergence(d, log, smallest);
            }
        }

        float total = TPlatform.Sum(TLane.Sum(sum));
        if (TPlatform.Rank == 0)
        {
            TLane.Store(bits, row * RowResult.Width, TLane.Of(total / columns * 1.44269504f));
        }
    }
}

/// <summary>One lane: 16 bytes read and 4 written per element.</summary>
internal readonly struct VariationalBoundBackward(
    Floats sample, Floats noise, Floats prediction, Floats variance, Floats k, Floats dbits, Floats dvariance,
    int predictionPitch, int variancePitch, int toPitch, int columns, int add) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long at = (strip * columns) + column, own = strip * 4;
        float smallest = TLane.Read(k, own + 1), largest = TLane.Read(k, own + 2);
        TLane d = TLane.Of(TLane.Read(k, own)) *
            (TLane.Load(prediction, (strip * predictionPitch) + column) - TLane.Load(noise, at));
        TLane log = VariationalBoundTerm.LogVariance(
            TLane.Load(variance, (strip * variancePitch) + column), smallest, largest);
        float scale = TLane.Read(dbits, strip) / columns * 1.44269504f * 0.5f * (largest - smallest);
        TLane slope;
        if (TLane.Read(k, own + 3) > 0f)
        {
            slope = VariationalBoundTerm.SurpriseSlope(TLane.Load(sample, at), d, log);
        }
        else
        {
            slope = VariationalBoundTerm.DivergenceSlope(d, log, smallest);
        }

        slope *= TLane.Of(scale);
        long to = (strip * toPitch) + column;
        TLane.Store(dvariance, to, add != 0 ? TLane.Load(dvariance, to) + slope : slope);
    }
}
