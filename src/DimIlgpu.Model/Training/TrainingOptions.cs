namespace DimIlgpu.Model.Training;

/// <summary>How the learning rate goes after its warm-up.</summary>
public enum LearningRateDecay
{
    /// <summary>It stays.</summary>
    Constant,

    /// <summary>Half a cosine down to a hundredth.</summary>
    Cosine,
}

/// <summary>How a network is trained.</summary>
public sealed record TrainingOptions
{
    /// <summary>The number of steps in all.</summary>
    public long Steps { get; init => field = Positive(value, nameof(Steps)); } = 400_000;

    /// <summary>Samples of one evaluation of the network.</summary>
    public int BatchSize { get; init => field = (int)Positive(value, nameof(BatchSize)); } = 64;

    /// <summary>Evaluations whose gradients are averaged into one step.</summary>
    public int Accumulate { get; init => field = (int)Positive(value, nameof(Accumulate)); } = 1;

    /// <summary>The learning rate after warm-up.</summary>
    public double LearningRate { get; init => field = NotNegative(value, nameof(LearningRate)); } = 1e-4;

    /// <summary>Steps over which the learning rate rises from zero.</summary>
    public long WarmupSteps { get; init => field = (long)NotNegative(value, nameof(WarmupSteps)); }

    /// <summary>How the learning rate goes after its warm-up.</summary>
    public LearningRateDecay Decay { get; init; } = LearningRateDecay.Constant;

    /// <summary>AdamW's β₂.</summary>
    public double Beta2 { get; init => field = Fraction(value, nameof(Beta2)); } = 0.999;

    /// <summary>AdamW's weight decay; A_log, D and biases have none.</summary>
    public double WeightDecay { get; init => field = NotNegative(value, nameof(WeightDecay)); }

    /// <summary>The norm that gradients are clipped to; 0 for none.</summary>
    public double MaxGradientNorm { get; init => field = NotNegative(value, nameof(MaxGradientNorm)); } = 1;

    /// <summary>The decay of the weights' moving average, reached by (1 + step) / (10 + step).</summary>
    public double EmaDecay { get; init => field = Fraction(value, nameof(EmaDecay)); } = 0.9999;

    /// <summary>The share of labels that are replaced by the null class.</summary>
    public double LabelDropout { get; init => field = Fraction(value, nameof(LabelDropout)); } = 0.1;

    /// <summary>Whether samples are mirrored at random, where the data set allows it.</summary>
    public bool HorizontalFlip { get; init; } = true;

    /// <summary>Tells runs apart; equal seeds give equal bits on one device.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether the backward pass computes each block again, for less memory.</summary>
    public bool CheckpointBlocks { get; init; }

    /// <summary>Steps from one checkpoint to the next.</summary>
    public long CheckpointEvery { get; init => field = Positive(value, nameof(CheckpointEvery)); } = 1000;

    /// <summary>How many checkpoints are kept.</summary>
    public int KeepCheckpoints { get; init => field = (int)Positive(value, nameof(KeepCheckpoints)); } = 3;

    /// <summary>Steps from one sample grid to the next; 0 for one at the end alone.</summary>
    public long SampleEvery { get; init => field = (long)NotNegative(value, nameof(SampleEvery)); } = 1000;

    /// <summary>The learning rate of a step, the first being 1.</summary>
    public double LearningRateAt(long step)
    {
        if (step <= this.WarmupSteps)
        {
            return this.LearningRate * step / Math.Max(this.WarmupSteps, 1);
        }

        double progress = (double)(step - this.WarmupSteps) / Math.Max(this.Steps - this.WarmupSteps, 1);
        return this.Decay == LearningRateDecay.Constant
            ? this.LearningRate
            : this.LearningRate * (0.01 + (0.99 * 0.5 * (1 + Math.Cos(Math.PI * Math.Min(progress, 1)))));
    }

    /// <summary>The decay of the moving average at a step, the first being 1.</summary>
    public double EmaDecayAt(long step) => Math.Min(this.EmaDecay, (1.0 + step) / (10.0 + step));

    private static long Positive(long value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, name);
        return value;
    }

    private static double NotNegative(double value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value, name);
        return value;
    }

    private static double Fraction(double value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1, name);
        return value;
    }
}
