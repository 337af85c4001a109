using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>Which variance an ancestral step has where the network predicts none.</summary>
public enum StepVariance
{
    /// <summary>β̃, that of the true posterior.</summary>
    Posterior,

    /// <summary>β.</summary>
    Forward,
}

/// <summary>Ancestral sampling: Ho, Jain and Abbeel 2020, respaced and with a learned variance by Nichol and Dhariwal 2021.</summary>
/// <remarks>x' = posterior mean(x, x̂₀) + σ·z, without noise in the last step.</remarks>
/// <param name="objective">What the network predicts.</param>
/// <param name="steps">How many steps to take.</param>
/// <param name="spacing">Which ones.</param>
public sealed class DdpmSampler(
    ScheduledObjective objective, int steps = 250, TimestepSpacing spacing = TimestepSpacing.Spread)
    : ScheduledSampler(objective, steps, spacing), ISampler
{
    /// <summary>The variance of networks that predict none.</summary>
    public StepVariance Variance { get; init; } = StepVariance.Posterior;

    /// <inheritdoc/>
    public string Name => "ddpm";

    /// <inheritdoc/>
    public IEnumerable<SamplingStep> Sample(IDenoiser denoiser, Tensor x, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(denoiser);
        if (denoiser.LearnsVariance && !this.Objective.CanLearnVariance)
        {
            throw new ArgumentException(
                $"The network predicts a variance; the objective '{this.Objective.Name}' has none.", nameof(denoiser));
        }

        return this.Run(denoiser, x, seed);
    }

    private IEnumerable<SamplingStep> Run(IDenoiser denoiser, Tensor x, ulong seed)
    {
        using SamplingMemory memory = new(x, seed);
        bool learned = denoiser.LearnsVariance;
        (int Time, int Denoised, int Update)[] plan =
            [.. Enumerable.Range(0, this.Steps).Select(i => this.Plan(memory, i, learned))];
        memory.Upload(this.Steps);
        Tensor noise = memory.Rent();
        Tensor? variance = learned ? memory.Rent() : null;
        Tensor logs = memory.Table([.. Enumerable.Range(0, this.Steps).SelectMany(this.LogVariances)], PosteriorNoise.Width);
        for (int i = this.Steps - 1; i >= 0; i--)
        {
            memory.Predict(denoiser, x, this.Schedule.Level(i), plan[i].Time, variance);
            memory.Apply(plan[i].Denoised, [x, memory.Prediction], memory.Denoised);
            memory.Draw(i, noise);
            memory.Apply(plan[i].Update, [memory.Denoised, x, noise], x);
            if (variance is { } v)
            {
                PosteriorNoise.Forward(memory.Device, x, v, noise, logs.SliceRows(i, 1), x);
            }

            yield return new(this.Steps - i, this.Steps, this.Schedule.Level(i - 1), x, memory.Denoised);
        }
    }

    private (int Time, int Denoised, int Update) Plan(SamplingMemory memory, int index, bool learned)
    {
        NoiseLevel level = this.Schedule.Level(index);
        LinearPair mean = this.Schedule.PosteriorMean(index);
        double variance = index == 0 || learned ? 0
            : this.Variance == StepVariance.Forward ? this.Schedule.Beta(index)
            : this.Schedule.PosteriorVariance(index);
        return (
            memory.Plan(level), this.PlanDenoised(memory, level),
            memory.Plan(mean.OfOther, mean.OfSample, Math.Sqrt(variance)));
    }

    private float[] LogVariances(int index) =>
    [
        (float)this.Schedule.PosteriorLogVariance(index), (float)Math.Log(this.Schedule.Beta(index)), index == 0 ? 0 : 1,
    ];
}
