namespace DimIlgpu.Kernels;

/// <summary>What changes from one update to the next, as the kernels of an update read it from device memory.</summary>
/// <param name="LearningRate">η.</param>
/// <param name="Correction1">1 / (1 − β₁^t).</param>
/// <param name="Correction2">1 / (1 − β₂^t).</param>
/// <param name="EmaRate">1 − d for the decay d: in single precision d itself would carry a thousandfold larger relative error.</param>
/// <param name="GradientScale">What the accumulated gradient is multiplied with: 1 / number of accumulated batches.</param>
/// <remarks>
/// The buffer is one row: these five values, which the host writes, then four that the device computes:
/// the squared norm (<see cref="SquaredNorm"/>), and from it the norm, the scale with clipping, and whether to go on
/// (<see cref="ClipScale"/>).
/// </remarks>
public readonly record struct UpdateState(
    float LearningRate, float Correction1, float Correction2, float EmaRate, float GradientScale)
{
    internal const int LearningRateAt = 0;
    internal const int Correction1At = 1;
    internal const int Correction2At = 2;
    internal const int EmaRateAt = 3;
    internal const int GradientScaleAt = 4;
    internal const int SquaredNormAt = 5;
    internal const int NormAt = 6;
    internal const int ScaleAt = 7;
    internal const int GoAt = 8;

    /// <summary>The shape of the buffer.</summary>
    public static Shape Shape => new(1, 9);

    /// <summary>The values of one update.</summary>
    /// <param name="step">t, from 1.</param>
    /// <param name="learningRate">η.</param>
    /// <param name="beta1">β₁.</param>
    /// <param name="beta2">β₂.</param>
    /// <param name="emaDecay">d, 0 to 1.</param>
    /// <param name="accumulation">How many batches the gradient sums.</param>
    public static UpdateState At(
        long step, double learningRate, double beta1, double beta2, double emaDecay = 0, int accumulation = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(accumulation, 1);
        if (!(emaDecay is >= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(emaDecay), emaDecay, "The decay lies between 0 and 1.");
        }

        return new(
            (float)learningRate, (float)(1 / (1 - Math.Pow(beta1, step))), (float)(1 / (1 - Math.Pow(beta2, step))),
            (float)(1 - emaDecay), (float)(1.0 / accumulation));
    }

    /// <summary>Where the squared norm of the gradient is put, (1, 1).</summary>
    public static Tensor SquaredNorm(Tensor state) => state.Slice(SquaredNormAt, 1);

    /// <summary>Where <see cref="ClipScale"/> puts the norm of the gradient before clipping, (1, 1).</summary>
    public static Tensor Norm(Tensor state) => state.Slice(NormAt, 1);

    /// <summary>Where <see cref="ClipScale"/> puts 1, or 0 when the gradient is not finite and the update is left out, (1, 1).</summary>
    public static Tensor Go(Tensor state) => state.Slice(GoAt, 1);

    /// <summary>Writes the host's five values; the device's four stay.</summary>
    /// <param name="state">The buffer, of <see cref="Shape"/>.</param>
    public void Upload(Tensor state)
    {
        Check.Dense(state, Shape);
        state.Slice(0, 5).Upload([this.LearningRate, this.Correction1, this.Correction2, this.EmaRate, this.GradientScale]);
    }
}
