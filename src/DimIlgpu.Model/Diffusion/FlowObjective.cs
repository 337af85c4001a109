using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>How flow matching draws t.</summary>
public enum FlowTimes
{
    /// <summary>Evenly from (0, 1).</summary>
    Uniform,

    /// <summary>The logistic function of a standard normal number: Esser et al. 2024.</summary>
    LogitNormal,
}

/// <summary>Flow matching along straight lines: x = (1 − t)·x₀ + t·ε, the network predicting the velocity ε − x₀.</summary>
/// <remarks>Lipman et al. 2023; Liu, Gong and Liu 2023. t = 1 is noise, and the network is given 1000·t.</remarks>
public sealed class FlowObjective : IObjective
{
    /// <summary>How many units of network time there are in t = 1.</summary>
    public const double TimeScale = 1000;

    /// <summary>How t is drawn.</summary>
    public FlowTimes Times { get; init; } = FlowTimes.Uniform;

    /// <inheritdoc cref="ScheduledObjective.MinSnrGamma"/>
    public double MinSnrGamma
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <inheritdoc/>
    public string Name => "flow";

    /// <inheritdoc/>
    public bool CanLearnVariance => false;

    /// <summary>The noise level at t, from 0 (clean) to 1 (noise).</summary>
    /// <exception cref="ArgumentOutOfRangeException">t lies outside.</exception>
    public static NoiseLevel Level(double t)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(t, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(t, 1);
        return new(1 - t, t, TimeScale * t);
    }

    /// <inheritdoc/>
    public NoiseLevel Draw(RandomSequence random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return Level(this.Times == FlowTimes.Uniform ? random.NextDouble() : 1 / (1 + Math.Exp(-random.NextNormal())));
    }

    /// <inheritdoc/>
    public LinearPair Target(NoiseLevel level) => new(-1, 1);

    /// <inheritdoc/>
    public double Weight(NoiseLevel level) => this.MinSnrGamma == 0 ? 1 : this.MinSnr(level, this.MinSnrGamma);
}
