using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>A network as samplers see it.</summary>
public interface IDenoiser
{
    /// <summary>Whether the network predicts a variance, too.</summary>
    bool LearnsVariance { get; }

    /// <summary>Evaluates the network.</summary>
    /// <param name="x">Noisy samples, (B, n).</param>
    /// <param name="level">Their noise level, the same for all.</param>
    /// <param name="times">Its <see cref="NoiseLevel.Time"/> for each sample, on the device, (B, 1).</param>
    /// <param name="prediction">Receives what the objective's target estimates, (B, n).</param>
    /// <param name="variance">Receives v in about [−1, 1], (B, n); null where it is not wanted.</param>
    void Predict(Tensor x, NoiseLevel level, Tensor times, Tensor prediction, Tensor? variance);
}
