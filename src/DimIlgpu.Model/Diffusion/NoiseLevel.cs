namespace DimIlgpu.Model.Diffusion;

/// <summary>How noisy a sample is: x = Signal·x₀ + Noise·ε.</summary>
/// <param name="Signal">The factor of the clean sample: √ᾱ, or 1 − t for flow matching.</param>
/// <param name="Noise">The factor of the noise: √(1 − ᾱ), or t for flow matching.</param>
/// <param name="Time">What the network is given as t, from 0 to about 1000.</param>
/// <param name="Index">The step in a <see cref="NoiseSchedule"/>; −1 where time is continuous.</param>
public readonly record struct NoiseLevel(double Signal, double Noise, double Time, int Index = -1)
{
    /// <summary>The clean sample, where every sampler ends.</summary>
    public static NoiseLevel Clean { get; } = new(1, 0, 0);

    /// <summary>Signal² / Noise²; infinite for the clean sample.</summary>
    public double SignalToNoise => this.Signal * this.Signal / (this.Noise * this.Noise);

    /// <summary>λ = ln(Signal / Noise), half the logarithm of the signal-to-noise ratio.</summary>
    public double LogRatio => Math.Log(this.Signal / this.Noise);

    /// <summary>σ = Noise / Signal, by which guidance intervals are given.</summary>
    public double Sigma => this.Noise / this.Signal;
}

/// <summary>A linear combination of a sample and something else.</summary>
/// <param name="OfSample">The first factor: of x₀ in a target, of x in a recovery.</param>
/// <param name="OfOther">The second factor: of ε in a target, of the network's output in a recovery.</param>
public readonly record struct LinearPair(double OfSample, double OfOther);
