using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>An objective over the steps of a <see cref="NoiseSchedule"/>, drawn evenly.</summary>
/// <param name="schedule">The schedule; null for the linear one of 1000 steps.</param>
public abstract class ScheduledObjective(NoiseSchedule? schedule) : IObjective
{
    /// <summary>The schedule that the network is trained with.</summary>
    public NoiseSchedule Schedule { get; } = schedule ?? NoiseSchedule.Linear();

    /// <summary>γ of min-SNR weighting (5 is usual); 0 for equal weights.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
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
    public abstract string Name { get; }

    /// <inheritdoc/>
    public virtual bool CanLearnVariance => false;

    /// <inheritdoc/>
    public NoiseLevel Draw(RandomSequence random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return this.Schedule.Level(random.Next(this.Schedule.Steps));
    }

    /// <inheritdoc/>
    public abstract LinearPair Target(NoiseLevel level);

    /// <inheritdoc/>
    public double Weight(NoiseLevel level) => this.MinSnrGamma == 0 ? 1 : this.MinSnr(level, this.MinSnrGamma);
}

/// <summary>Predicts the noise: Ho, Jain and Abbeel 2020. The only objective with a learned variance, as in DiT.</summary>
/// <param name="schedule">The schedule; null for the linear one of 1000 steps.</param>
public sealed class EpsilonObjective(NoiseSchedule? schedule = null) : ScheduledObjective(schedule)
{
    /// <inheritdoc/>
    public override string Name => "epsilon";

    /// <inheritdoc/>
    public override bool CanLearnVariance => true;

    /// <inheritdoc/>
    public override LinearPair Target(NoiseLevel level) => new(0, 1);
}

/// <summary>Predicts v = √ᾱ·ε − √(1 − ᾱ)·x₀: Salimans and Ho 2022.</summary>
/// <param name="schedule">The schedule; null for the linear one of 1000 steps.</param>
public sealed class VelocityObjective(NoiseSchedule? schedule = null) : ScheduledObjective(schedule)
{
    /// <inheritdoc/>
    public override string Name => "velocity";

    /// <inheritdoc/>
    public override LinearPair Target(NoiseLevel level) => new(-level.Noise, level.Signal);
}

/// <summary>Predicts the clean sample.</summary>
/// <param name="schedule">The schedule; null for the linear one of 1000 steps.</param>
public sealed class SampleObjective(NoiseSchedule? schedule = null) : ScheduledObjective(schedule)
{
    /// <inheritdoc/>
    public override string Name => "sample";

    /// <inheritdoc/>
    public override LinearPair Target(NoiseLevel level) => new(1, 0);
}
