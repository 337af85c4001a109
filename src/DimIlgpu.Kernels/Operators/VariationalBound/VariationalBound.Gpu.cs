namespace DimIlgpu.Kernels;

/// <summary>GPU: <see cref="VariationalBoundForward"/> of float32 tensors as <see cref="RowTotal"/> lays it out.</summary>
internal readonly struct VariationalBoundForwardGroups(VariationalBoundInputs inputs, RowTotal total)
    : IQuadTerm<VariationalBoundQuads>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => total.Run<TPlatform, VariationalBoundForwardGroups, VariationalBoundQuads>(this);

    public VariationalBoundQuads Load(QuadIndex at) => inputs.Load(at);

    public float Term(QuadIndex at, VariationalBoundQuads loaded)
    {
        // κ, the smallest and the largest ln σ², and whether t = 0.
        FloatQuad k = inputs.Coefficients(at);
        QuadLane d = loaded.Difference(k.X), log = VariationalBoundTerm.LogVariance(QuadLane.Of(loaded.Variance), k.Y, k.Z);
        return QuadLane.Sum(k.W > 0f
            ? VariationalBoundTerm.Surprise(inputs.Sample(at), d, log)
            : VariationalBoundTerm.Divergence(d, log, k.Y));
    }
}

/// <summary>GPU: <see cref="VariationalBoundBackward"/> of float32 tensors as <see cref="QuadMap"/> lays it out.</summary>
internal readonly struct VariationalBoundBackwardGroups(
    VariationalBoundInputs inputs, Floats dbits, Target dvariance, float factor, QuadMap map) : IQuadMap<VariationalBoundSlopeQuads>
{
    public static int Rows => 2;

    public static int GroupsPerProcessor => 3;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => map.Run<VariationalBoundBackwardGroups, VariationalBoundSlopeQuads>(this);

    public VariationalBoundSlopeQuads Load(QuadIndex at) =>
        new(inputs.Load(at), inputs.Coefficients(at), dvariance.Before<FloatQuad>(at), dbits.View[at.Row]);

    public void Store(QuadIndex at, VariationalBoundSlopeQuads loaded)
    {
        FloatQuad k = loaded.Coefficients;
        QuadLane d = loaded.Quads.Difference(k.X), log = VariationalBoundTerm.LogVariance(QuadLane.Of(loaded.Quads.Variance), k.Y, k.Z);
        QuadLane slope = k.W > 0f
            ? VariationalBoundTerm.SurpriseSlope(inputs.Sample(at), d, log)
            : VariationalBoundTerm.DivergenceSlope(d, log, k.Y);
        dvariance.Put(at, loaded.Before, (loaded.Seed * factor * (k.Z - k.Y)) * QuadLane.ToQuad(slope));
    }
}

/// <summary>What is loaded for the backward pass: the elements, their row's coefficients, what the gradient adds to, and the gradient of the bound.</summary>
internal readonly struct VariationalBoundSlopeQuads(VariationalBoundQuads quads, FloatQuad coefficients, FloatQuad before, float seed)
{
    public readonly VariationalBoundQuads Quads = quads;
    public readonly FloatQuad Coefficients = coefficients, Before = before;
    public readonly float Seed = seed;
}

/// <summary>What both passes read.</summary>
internal readonly struct VariationalBoundInputs(
    Floats sample, Floats noise, Floats prediction, Floats variance, Floats k, int columns, int predictionPitch, int variancePitch)
{
    /// <summary>What every element needs.</summary>
    public VariationalBoundQuads Load(QuadIndex at) => new(
        at.Read(FloatQuad.Of(noise), columns), at.Read(FloatQuad.Of(prediction), predictionPitch), at.Read(FloatQuad.Of(variance), variancePitch));

    /// <summary>What an element needs at t = 0 alone.</summary>
    public QuadLane Sample(QuadIndex at) => QuadLane.Of(at.Read(FloatQuad.Of(sample), columns));

    public FloatQuad Coefficients(QuadIndex at) => FloatQuad.Of(k)[at.Row];
}

/// <summary>What is loaded of both passes.</summary>
internal readonly struct VariationalBoundQuads(FloatQuad noise, FloatQuad prediction, FloatQuad variance)
{
    public readonly FloatQuad Noise = noise, Prediction = prediction, Variance = variance;

    /// <summary>d = κ·(ε̂ − ε).</summary>
    public QuadLane Difference(float kappa) => QuadLane.Of(kappa * (this.Prediction - this.Noise));
}
