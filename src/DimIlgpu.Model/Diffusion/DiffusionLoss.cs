using DimIlgpu.Autograd;
using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>The loss of each sample: its weighted squared error and, with a learned variance, the variational bound.</summary>
/// <remarks>
/// The bound trains the variance alone; the prediction is a constant in it, as Nichol and Dhariwal 2021 and DiT have it.
/// Seed the backward pass with 1/B for the mean over the batch.
/// </remarks>
public static class DiffusionLoss
{
    /// <summary>Computes the losses, (B, 1).</summary>
    /// <param name="tape">Where to record.</param>
    /// <param name="prediction">What the network predicted, (B, n).</param>
    /// <param name="target">What it should have, (B, n).</param>
    /// <param name="losses"><see cref="TrainingDraw.Losses"/>, on the device.</param>
    public static Variable Of(Tape tape, Variable prediction, Tensor target, Tensor losses)
    {
        ArgumentNullException.ThrowIfNull(tape);
        return tape.Mix([tape.MeanSquaredError(prediction, target)], losses);
    }

    /// <summary>Computes the losses with a learned variance, (B, 1). The target is the noise.</summary>
    /// <param name="tape">Where to record.</param>
    /// <param name="prediction">ε̂, (B, n).</param>
    /// <param name="variance">v, (B, n).</param>
    /// <param name="sample">x₀, (B, n), dense.</param>
    /// <param name="noise">ε, (B, n), dense.</param>
    /// <param name="losses"><see cref="TrainingDraw.Losses"/>, on the device.</param>
    /// <param name="bound"><see cref="TrainingDraw.Bound"/>, on the device.</param>
    public static Variable Of(
        Tape tape, Variable prediction, Variable variance, Tensor sample, Tensor noise, Tensor losses, Tensor bound)
    {
        ArgumentNullException.ThrowIfNull(tape);
        ArgumentNullException.ThrowIfNull(prediction);
        return tape.Mix(
            [
                tape.MeanSquaredError(prediction, noise),
                tape.VariationalBound(sample, noise, prediction.Value, variance, bound),
            ],
            losses);
    }
}
