using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>The random noise levels of one batch, and every coefficient that its step uploads.</summary>
/// <remarks>Rows are samples. The arrays have the layout that the operators named in their summaries read.</remarks>
public sealed class TrainingDraw
{
    /// <summary>Draws a level for each sample.</summary>
    /// <param name="objective">What is trained.</param>
    /// <param name="random">Where the levels come from.</param>
    /// <param name="batch">Number of samples.</param>
    public TrainingDraw(IObjective objective, RandomSequence random, int batch)
    {
        ArgumentNullException.ThrowIfNull(objective);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        NoiseLevel[] levels = [.. Enumerable.Range(0, batch).Select(_ => objective.Draw(random))];
        this.Levels = levels;
        this.Times = levels.Select(l => (float)l.Time).ToArray();
        this.Noising = levels.SelectMany(l => Row(l.Signal, l.Noise)).ToArray();
        this.Target = levels.Select(objective.Target).SelectMany(p => Row(p.OfSample, p.OfOther)).ToArray();
        NoiseSchedule? schedule = objective is ScheduledObjective { CanLearnVariance: true } scheduled ? scheduled.Schedule : null;
        double boundWeight = schedule is null ? 0 : BoundWeight(schedule);
        this.Losses = levels.SelectMany(l => Row(objective.Weight(l), boundWeight)).ToArray();
        this.Bound = schedule is null ? default : levels.SelectMany(l => BoundRow(schedule, l.Index)).ToArray();
    }

    /// <summary>The noise level of each sample.</summary>
    public IReadOnlyList<NoiseLevel> Levels { get; }

    /// <summary>What the network is given as t, (batch, 1).</summary>
    public ReadOnlyMemory<float> Times { get; }

    /// <summary>For <see cref="Mix"/> of (x₀, ε): the noisy sample, (batch, 5).</summary>
    public ReadOnlyMemory<float> Noising { get; }

    /// <summary>For <see cref="Mix"/> of (x₀, ε): the target, (batch, 5).</summary>
    public ReadOnlyMemory<float> Target { get; }

    /// <summary>For <see cref="Mix"/> of (squared error, variational bound): the loss, (batch, 5).</summary>
    public ReadOnlyMemory<float> Losses { get; }

    /// <summary>For <see cref="VariationalBound"/>, (batch, 4); empty where no variance can be learned.</summary>
    public ReadOnlyMemory<float> Bound { get; }

    /// <summary>The weight of the variational bound beside the squared error.</summary>
    /// <remarks>
    /// T/1000, as <c>RESCALED_MSE</c> of the improved-diffusion code: a thousandth of the T terms' sum, of which one
    /// is drawn. It is 1 for the usual 1000 steps, where DiT's unscaled sum of both losses is the same.
    /// </remarks>
    public static double BoundWeight(NoiseSchedule schedule)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        return schedule.Steps / 1000.0;
    }

    /// <summary>The coefficients of <see cref="VariationalBound"/> at a step.</summary>
    internal static float[] BoundRow(NoiseSchedule schedule, int index) =>
    [
        (float)(schedule.PosteriorMean(index).OfOther * Math.Sqrt((1 / schedule.AlphaBar(index)) - 1)),
        (float)schedule.PosteriorLogVariance(index),
        (float)Math.Log(schedule.Beta(index)),
        index == 0 ? 1 : 0,
    ];

    private static float[] Row(double a, double b) => [(float)a, (float)b, 0, 0, 0];
}
