namespace DimIlgpu.Model.Diffusion;

/// <summary>What samplers over a <see cref="NoiseSchedule"/> have in common. Immutable.</summary>
public abstract class ScheduledSampler
{
    private protected ScheduledSampler(ScheduledObjective objective, int steps, TimestepSpacing spacing)
    {
        ArgumentNullException.ThrowIfNull(objective);
        this.Objective = objective;
        this.Schedule = objective.Schedule.Respace(steps, spacing);
    }

    /// <summary>What the network predicts.</summary>
    public ScheduledObjective Objective { get; }

    /// <summary>The steps that are taken, from the last to the first.</summary>
    public NoiseSchedule Schedule { get; }

    /// <summary>How many steps are taken.</summary>
    public int Steps => this.Schedule.Steps;

    /// <summary>The bound of |x̂₀|: 1 for pixels, 0 for none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public double Clip
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>Plans x̂₀ from (x, output).</summary>
    private protected int PlanDenoised(SamplingMemory memory, NoiseLevel level)
    {
        LinearPair sample = this.Objective.Sample(level);
        return memory.Plan(sample.OfSample, sample.OfOther, clip: this.Clip);
    }
}
