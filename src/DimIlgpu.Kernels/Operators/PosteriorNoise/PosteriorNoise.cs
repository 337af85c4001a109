namespace DimIlgpu.Kernels;

/// <summary>Draws from the predicted posterior with a learned variance: one ancestral step.</summary>
/// <remarks>
/// <para>y = mean + m·exp(½·(f·ln β + (1 − f)·ln β̃))·noise, f = (v + 1) / 2.</para>
/// <para>
/// A. Nichol and P. Dhariwal, "Improved denoising diffusion probabilistic models", 2021. For a fixed variance
/// <see cref="Mix"/> is enough. There is no adjoint: nothing is trained through a sampler.
/// </para>
/// </remarks>
public static class PosteriorNoise
{
    /// <summary>Length of a row of coefficients: ln β̃ (clipped), ln β, and m, which is 0 in the last step and else 1.</summary>
    public const int Width = 3;

    /// <summary>Adds the noise.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="mean">The mean of the posterior, (rows, columns).</param>
    /// <param name="variance">v, (rows, columns).</param>
    /// <param name="noise">Standard normal numbers, (rows, columns).</param>
    /// <param name="coefficients">(rows, 3), or (1, 3) for all rows; dense.</param>
    /// <param name="y">Output, (rows, columns); may be any of the inputs.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="mean"/>.</exception>
    public static void Forward(
        Device device, Tensor mean, Tensor variance, Tensor noise, Tensor coefficients, Tensor y)
    {
        Check.NotEmpty(mean);
        Check.Shape(variance, mean.Shape);
        Check.Shape(noise, mean.Shape);
        Check.Shape(y, mean.Shape);
        Check.Dense(coefficients, new(coefficients.Rows == 1 ? 1 : mean.Rows, Width));
        device.Strips(
            new PosteriorNoiseForward(
                mean.Memory, variance.Memory, noise.Memory, coefficients.Memory, y.Memory,
                mean.Pitch, variance.Pitch, noise.Pitch, coefficients.Rows == 1 ? 0 : Width, y.Pitch),
            mean.Rows, mean.Columns);
    }
}
