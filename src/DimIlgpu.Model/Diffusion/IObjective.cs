using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>What the network learns to predict, and along which path samples are noised.</summary>
/// <remarks>
/// Everything is linear in the clean sample x₀ and the noise ε, so an objective is a pair of factors per noise level;
/// <see cref="Mix"/> applies them on the device.
/// </remarks>
public interface IObjective
{
    /// <summary>A short name for people and configuration files.</summary>
    string Name { get; }

    /// <summary>Whether the network may also predict the variance of each step.</summary>
    bool CanLearnVariance { get; }

    /// <summary>Draws the noise level at which a sample is trained.</summary>
    NoiseLevel Draw(RandomSequence random);

    /// <summary>The target as factors of x₀ and ε.</summary>
    LinearPair Target(NoiseLevel level);

    /// <summary>The weight of a sample's squared error.</summary>
    double Weight(NoiseLevel level);
}

/// <summary>What follows from an objective's target alone.</summary>
public static class ObjectiveExtensions
{
    extension(IObjective objective)
    {
        /// <summary>x̂₀ as factors of x and of the network's output.</summary>
        /// <remarks>Solves x = a·x₀ + s·ε, output = p·x₀ + q·ε.</remarks>
        public LinearPair Sample(NoiseLevel level)
        {
            LinearPair target = objective.Target(level);
            double determinant = Determinant(level, target);
            return new(target.OfOther / determinant, -level.Noise / determinant);
        }

        /// <summary>ε̂ as factors of x and of the network's output.</summary>
        public LinearPair Noise(NoiseLevel level)
        {
            LinearPair target = objective.Target(level);
            double determinant = Determinant(level, target);
            return new(-target.OfSample / determinant, level.Signal / determinant);
        }
    }

    /// <summary>min(SNR, γ) for the error of x̂₀, as a weight of the error of the output.</summary>
    /// <remarks>Hang et al. 2023, "Efficient diffusion training via min-SNR weighting strategy".</remarks>
    internal static double MinSnr(this IObjective objective, NoiseLevel level, double gamma)
    {
        // The weight min(SNR, γ)·(∂x̂₀/∂output)², with a finite limit where the signal vanishes and x̂₀ has none.
        double determinant = Determinant(level, objective.Target(level));
        double square = level.Noise * level.Noise / (determinant * determinant);
        return determinant == 0 ? 1 : Math.Min(level.SignalToNoise, gamma) * square;
    }

    private static double Determinant(NoiseLevel level, LinearPair target) =>
        (level.Signal * target.OfOther) - (level.Noise * target.OfSample);
}
