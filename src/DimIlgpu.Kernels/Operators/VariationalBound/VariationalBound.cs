namespace DimIlgpu.Kernels;

/// <summary>The variational bound of each sample at its timestep, in bits per dimension, for a learned variance.</summary>
/// <remarks>
/// <para>
/// A. Nichol and P. Dhariwal, "Improved denoising diffusion probabilistic models", 2021. The predicted variance lies
/// between two bounds: ln σ² = f·ln β + (1 − f)·ln β̃, f = (v + 1) / 2. The means of the true posterior and of the
/// predicted one differ by d = κ·(ε̂ − ε), κ = β·√ᾱ₋₁/(1 − ᾱ) · √(1/ᾱ − 1).
/// </para>
/// <para>
/// At t > 0: KL(N(·, β̃) ‖ N(·, σ²)) = ½·(−1 + ln σ² − ln β̃ + β̃/σ² + d²/σ²).
/// </para>
/// <para>
/// At t = 0: −ln of the probability that N(0, σ²) gives to the bin d ± 1/255, open at the ends of [−1, 1], with the
/// cumulative Φ(u) = ½·(1 + tanh(√(2/π)·(u + 0.044715·u³))), no less than 1e-12. Written with logistic functions, as
/// a difference of hyperbolic tangents would cancel.
/// </para>
/// <para>Both are averaged over the n elements and divided by ln 2.</para>
/// <para>The gradient is with respect to v alone: the mean is trained by the squared error.</para>
/// </remarks>
public static class VariationalBound
{
    /// <summary>Length of a row of coefficients: κ, ln β̃ (clipped), ln β, and 1 at t = 0 or else 0.</summary>
    public const int Width = 4;

    /// <summary>Computes the bound of each row.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="sample">x₀, (rows, n), dense.</param>
    /// <param name="noise">ε, (rows, n), dense.</param>
    /// <param name="prediction">ε̂, (rows, n).</param>
    /// <param name="variance">v, (rows, n).</param>
    /// <param name="coefficients">(rows, 4), dense.</param>
    /// <param name="bits">Output, (rows, 1), dense.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="sample"/>.</exception>
    public static void Forward(
        Device device, Tensor sample, Tensor noise, Tensor prediction, Tensor variance, Tensor coefficients, Tensor bits)
    {
        CheckShapes(sample, noise, prediction, variance, coefficients);
        Check.Dense(bits, new(sample.Rows, 1));
        if (RowTotal.Takes(device, bits, sample, noise, prediction, variance) && Stored.IsAligned(coefficients, 4))
        {
            VariationalBoundInputs inputs = Inputs(sample, noise, prediction, variance, coefficients);
            RowTotal.Write(
                device, sample.Shape, bits, SpecialFunctions.LogTwoE / sample.Columns, total => new VariationalBoundForwardGroups(inputs, total));
            return;
        }

        RowResult.Write(device, bits, lanes => device.Rows(
            new VariationalBoundForward(
                sample.Memory, noise.Memory, prediction.Memory, variance.Memory, coefficients.Memory, lanes.Memory,
                prediction.Pitch, variance.Pitch, sample.Columns),
            sample.Rows, sample.Columns));
    }

    /// <summary>Adds the gradient of the variance.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="sample">x₀, (rows, n), dense.</param>
    /// <param name="noise">ε, (rows, n), dense.</param>
    /// <param name="prediction">ε̂, (rows, n).</param>
    /// <param name="variance">v, (rows, n).</param>
    /// <param name="coefficients">(rows, 4), dense.</param>
    /// <param name="dbits">Gradient of the bounds, (rows, 1), dense.</param>
    /// <param name="dvariance">Gradient of v.</param>
    public static void Backward(
        Device device, Tensor sample, Tensor noise, Tensor prediction, Tensor variance, Tensor coefficients,
        Tensor dbits, Sink dvariance)
    {
        CheckShapes(sample, noise, prediction, variance, coefficients);
        Check.Dense(dbits, new(sample.Rows, 1));
        Check.Shape(dvariance.Tensor, sample.Shape, nameof(dvariance));
        if (sample.ElementType == ElementType.Float32 && QuadMap.Takes(device, sample, noise, prediction, variance, dvariance.Tensor)
            && Stored.IsAligned(coefficients, 4))
        {
            QuadMap map = QuadMap.Of<VariationalBoundBackwardGroups, VariationalBoundSlopeQuads>(sample);
            map.Launch(device, new VariationalBoundBackwardGroups(
                Inputs(sample, noise, prediction, variance, coefficients), dbits.Memory, Target.Of(dvariance, sample),
                0.5f * SpecialFunctions.LogTwoE / sample.Columns, map));
            return;
        }

        device.Rows(
            new VariationalBoundBackward(
                sample.Memory, noise.Memory, prediction.Memory, variance.Memory, coefficients.Memory, dbits.Memory,
                dvariance.Tensor.Memory, prediction.Pitch, variance.Pitch, dvariance.Tensor.Pitch, sample.Columns,
                dvariance.Add ? 1 : 0),
            sample.Rows, sample.Columns);
    }

    private static VariationalBoundInputs Inputs(Tensor sample, Tensor noise, Tensor prediction, Tensor variance, Tensor coefficients) => new(
        sample.Memory, noise.Memory, prediction.Memory, variance.Memory, coefficients.Memory, sample.Columns, prediction.Pitch, variance.Pitch);

    private static void CheckShapes(Tensor sample, Tensor noise, Tensor prediction, Tensor variance, Tensor coefficients)
    {
        Check.NotEmpty(sample);
        Check.Dense(sample, sample.Shape);
        Check.Dense(noise, sample.Shape);
        Check.Shape(prediction, sample.Shape);
        Check.Shape(variance, sample.Shape);
        Check.Dense(coefficients, new(sample.Rows, Width));
    }
}
