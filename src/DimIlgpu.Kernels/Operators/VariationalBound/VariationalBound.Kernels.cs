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
        T below = -T.Softplus(-p), above = -T.Softplus(q);
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
        T fromP = T.Sigmoid(-p), fromQ = T.Sigmoid(q);
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

/// <summary>A row: 12 bytes read per element at t &gt; 0, 16 at t = 0.</summary>
internal readonly struct VariationalBoundForward(
    Floats sample, Floats noise, Floats prediction, Floats variance, Floats k, Floats bits,
    int predictionPitch, int variancePitch, int columns) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        float sum = TLane.Read(k, (row * 4) + 3) > 0f
            ? this.Surprise<TPlatform, TLane>(row)
            : this.Divergence<TPlatform, TLane>(row);
        float total = TPlatform.Sum(sum);
        if (TPlatform.Rank == 0)
        {
            TLane.Store(bits, row * RowResult.Width, TLane.Of(total / columns * 1.44269504f));
        }
    }

    // Methods of their own: in one body they exceed what the JIT is willing to inline.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Divergence<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        float smallest = TLane.Read(k, (row * 4) + 1), largest = TLane.Read(k, (row * 4) + 2);
        TLane kappa = TLane.Of(TLane.Read(k, row * 4)), sum = TLane.Of(0f);
        for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
        {
            TLane d = kappa *
                (TLane.Load(prediction, (row * predictionPitch) + c) - TLane.Load(noise, (row * columns) + c));
            TLane v = TLane.Load(variance, (row * variancePitch) + c);
            sum += VariationalBoundTerm.Divergence(
                d, VariationalBoundTerm.LogVariance(v, smallest, largest), smallest);
        }

        return TLane.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Surprise<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        float smallest = TLane.Read(k, (row * 4) + 1), largest = TLane.Read(k, (row * 4) + 2);
        TLane kappa = TLane.Of(TLane.Read(k, row * 4)), sum = TLane.Of(0f);
        for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
        {
            TLane d = kappa *
                (TLane.Load(prediction, (row * predictionPitch) + c) - TLane.Load(noise, (row * columns) + c));
            TLane v = TLane.Load(variance, (row * variancePitch) + c);
            sum += VariationalBoundTerm.Surprise(
                TLane.Load(sample, (row * columns) + c), d, VariationalBoundTerm.LogVariance(v, smallest, largest));
        }

        return TLane.Sum(sum);
    }
}

/// <summary>A row: 12 bytes read at t &gt; 0, 16 at t = 0, and 4 written per element.</summary>
internal readonly struct VariationalBoundBackward(
    Floats sample, Floats noise, Floats prediction, Floats variance, Floats k, Floats dbits, Floats dvariance,
    int predictionPitch, int variancePitch, int toPitch, int columns, int add) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        float smallest = TLane.Read(k, (row * 4) + 1), largest = TLane.Read(k, (row * 4) + 2);
        float factor = TLane.Read(dbits, row) / columns * 1.44269504f * 0.5f * (largest - smallest);
        if (TLane.Read(k, (row * 4) + 3) > 0f)
        {
            this.Surprise<TPlatform, TLane>(row, smallest, largest, factor);
        }
        else
        {
            this.Divergence<TPlatform, TLane>(row, smallest, largest, factor);
        }
    }

    // As of the forward pass: the JIT inlines all of one, but not of both, nor of four registers.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Divergence<TPlatform, TLane>(long row, float smallest, float largest, float factor)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        TLane kappa = TLane.Of(TLane.Read(k, row * 4)), by = TLane.Of(factor);
        for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
        {
            TLane d = kappa *
                (TLane.Load(prediction, (row * predictionPitch) + c) - TLane.Load(noise, (row * columns) + c));
            TLane v = TLane.Load(variance, (row * variancePitch) + c);
            this.Put(row, c, by * VariationalBoundTerm.DivergenceSlope(
                d, VariationalBoundTerm.LogVariance(v, smallest, largest), smallest));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Surprise<TPlatform, TLane>(long row, float smallest, float largest, float factor)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        TLane kappa = TLane.Of(TLane.Read(k, row * 4)), by = TLane.Of(factor);
        for (int c = TPlatform.Rank * TLane.Count; c < columns; c += TPlatform.Size * TLane.Count)
        {
            TLane d = kappa *
                (TLane.Load(prediction, (row * predictionPitch) + c) - TLane.Load(noise, (row * columns) + c));
            TLane v = TLane.Load(variance, (row * variancePitch) + c);
            this.Put(row, c, by * VariationalBoundTerm.SurpriseSlope(
                TLane.Load(sample, (row * columns) + c), d, VariationalBoundTerm.LogVariance(v, smallest, largest)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Put<TLane>(long row, int column, TLane slope)
        where TLane : unmanaged, ILane<TLane>
    {
        long to = (row * toPitch) + column;
        TLane.Store(dvariance, to, add != 0 ? TLane.Load(dvariance, to) + slope : slope);
    }
}
