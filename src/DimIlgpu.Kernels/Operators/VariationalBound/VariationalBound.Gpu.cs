using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a group is a part of a row, of which a thread has two quads, so that a long row fills more than one multiprocessor.</summary>
internal readonly struct VariationalBoundForwardGroups(
    Floats sample, Floats noise, Floats prediction, Floats variance, Floats k, Floats partial,
    int predictionPitch, int variancePitch, int columns, int parts) : IGroupKernel
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        VariationalBoundPlace place = new(parts, columns);
        VariationalBoundQuads first = default, second = default;
        if (place.HasFirst)
        {
            first = new(noise, prediction, variance, place.Row, place.First, columns, predictionPitch, variancePitch);
        }

        if (place.HasSecond)
        {
            second = new(noise, prediction, variance, place.Row, place.Second, columns, predictionPitch, variancePitch);
        }

        float sum = 0f;
        if (place.HasFirst)
        {
            sum = this.Bound(first, place.Row, place.First);
        }

        if (place.HasSecond)
        {
            sum += this.Bound(second, place.Row, place.Second);
        }

        sum = TPlatform.Sum(sum);
        if (TPlatform.Rank == 0)
        {
            partial.View[Grid.IdxX] = sum;
        }
    }

    private float Bound(VariationalBoundQuads quads, long row, int quad)
    {
        float smallest = k.View[(4 * row) + 1], largest = k.View[(4 * row) + 2];
        QuadLane d = quads.Difference(k.View[4 * row]);
        QuadLane log = VariationalBoundTerm.LogVariance(QuadLane.Of(quads.Variance), smallest, largest);
        return QuadLane.Sum(k.View[(4 * row) + 3] > 0f
            ? VariationalBoundTerm.Surprise(QuadLane.Of(FloatQuad.Of(sample)[((row * columns) / 4) + quad]), d, log)
            : VariationalBoundTerm.Divergence(d, log, smallest));
    }
}

/// <summary>GPU: adds up the parts of a row.</summary>
internal readonly struct VariationalBoundFold(Floats partial, Floats bits, int parts, int columns) : IRowKernel
{
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        float sum = 0f;
        for (int part = TPlatform.Rank; part < parts; part += TPlatform.Size)
        {
            sum += TLane.Read(partial, (row * parts) + part);
        }

        sum = TPlatform.Sum(sum);
        if (TPlatform.Rank == 0)
        {
            TLane.Store(bits, row, TLane.Of(sum / columns * 1.44269504f));
        }
    }
}

/// <summary>GPU: the backward pass, laid out as the forward.</summary>
internal readonly struct VariationalBoundBackwardGroups(
    Floats sample, Floats noise, Floats prediction, Floats variance, Floats k, Floats dbits, Target dvariance,
    int predictionPitch, int variancePitch, int columns, int parts) : IGroupKernel
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        VariationalBoundPlace place = new(parts, columns);
        VariationalBoundQuads first = default, second = default;
        if (place.HasFirst)
        {
            first = new(noise, prediction, variance, place.Row, place.First, columns, predictionPitch, variancePitch);
        }

        if (place.HasSecond)
        {
            second = new(noise, prediction, variance, place.Row, place.Second, columns, predictionPitch, variancePitch);
        }

        if (place.HasFirst)
        {
            this.Put(first, place.Row, place.First);
        }

        if (place.HasSecond)
        {
            this.Put(second, place.Row, place.Second);
        }
    }

    private void Put(VariationalBoundQuads quads, long row, int quad)
    {
        float smallest = k.View[(4 * row) + 1], largest = k.View[(4 * row) + 2];
        QuadLane d = quads.Difference(k.View[4 * row]);
        QuadLane log = VariationalBoundTerm.LogVariance(QuadLane.Of(quads.Variance), smallest, largest);
        QuadLane slope = k.View[(4 * row) + 3] > 0f
            ? VariationalBoundTerm.SurpriseSlope(QuadLane.Of(FloatQuad.Of(sample)[((row * columns) / 4) + quad]), d, log)
            : VariationalBoundTerm.DivergenceSlope(d, log, smallest);
        dvariance.Put(row, 4 * quad, slope * QuadLane.Of(dbits.View[row] / columns * 1.44269504f * 0.5f * (largest - smallest)));
    }
}

/// <summary>Which row and which two quads of it a thread has.</summary>
internal readonly struct VariationalBoundPlace
{
    public const int Threads = 256;

    public readonly long Row;
    public readonly int First;
    public readonly bool HasFirst, HasSecond;

    public VariationalBoundPlace(int parts, int columns)
    {
        int row = Grid.IdxX / parts, part = Grid.IdxX % parts;
        this.Row = row;
        this.First = (2 * Threads * part) + Group.IdxX;
        this.HasFirst = this.First < columns / 4;
        this.HasSecond = this.Second < columns / 4;
    }

    public int Second => this.First + Threads;

    /// <summary>Parts of a row.</summary>
    public static int Parts(int columns) => (columns + (8 * Threads) - 1) / (8 * Threads);
}

/// <summary>What a thread loads of both passes.</summary>
internal readonly struct VariationalBoundQuads(
    Floats noise, Floats prediction, Floats variance, long row, int quad, int columns, int predictionPitch, int variancePitch)
{
    public readonly FloatQuad Noise = FloatQuad.Of(noise)[(row * columns / 4) + quad];
    public readonly FloatQuad Prediction = FloatQuad.Of(prediction)[(row * predictionPitch / 4) + quad];
    public readonly FloatQuad Variance = FloatQuad.Of(variance)[(row * variancePitch / 4) + quad];

    /// <summary>d = κ·(ε̂ − ε).</summary>
    public QuadLane Difference(float kappa) => QuadLane.Of(kappa * (this.Prediction - this.Noise));
}
