using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>Denoising diffusion implicit models: Song, Meng and Ermon 2021.</summary>
/// <remarks>
/// x' = √ᾱ'·x̂₀ + √(1 − ᾱ' − σ²)·ε̂ + σ·z, σ = η·√((1 − ᾱ')/(1 − ᾱ)·(1 − ᾱ/ᾱ')). Where x̂₀ is clipped, ε̂ stays what
/// the network said. The last step ends at ᾱ' = 1.
/// </remarks>
/// <param name="objective">What the network predicts.</param>
/// <param name="steps">How many steps to take.</param>
/// <param name="spacing">Which ones.</param>
public sealed class DdimSampler(
    ScheduledObjective objective, int steps = 50, TimestepSpacing spacing = TimestepSpacing.Leading)
    : ScheduledSampler(objective, steps, spacing), ISampler
{
    /// <summary>η: 0 for none of the noise of DDPM, 1 for all of it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not from 0 to 1.</exception>
    public double Eta
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1);
            field = value;
        }
    }

    /// <inheritdoc/>
    public string Name => "ddim";

    /// <inheritdoc/>
    public IEnumerable<SamplingStep> Sample(IDenoiser denoiser, Tensor x, ulong seed)
    {
        using SamplingMemory memory = new(x, seed);
        (int Time, int Denoised, int Update)[] plan = [.. Enumerable.Range(0, this.Steps).Select(i => this.Plan(memory, i))];
        memory.Upload(this.Eta > 0 ? this.Steps : 0);
        Tensor noise = this.Eta > 0 ? memory.Rent() : memory.Prediction;
        for (int i = this.Steps - 1; i >= 0; i--)
        {
            memory.Predict(denoiser, x, this.Schedule.Level(i), plan[i].Time);
            memory.Apply(plan[i].Denoised, [x, memory.Prediction], memory.Denoised);
            if (this.Eta > 0)
            {
                memory.Draw(i, noise);
                memory.Apply(plan[i].Update, [memory.Denoised, x, memory.Prediction, noise], x);
            }
            else
            {
                memory.Apply(plan[i].Update, [memory.Denoised, x, memory.Prediction], x);
            }

            yield return new(this.Steps - i, this.Steps, this.Schedule.Level(i - 1), x, memory.Denoised);
        }
    }

    private (int Time, int Denoised, int Update) Plan(SamplingMemory memory, int index)
    {
        NoiseLevel level = this.Schedule.Level(index);
        double from = this.Schedule.AlphaBar(index), to = this.Schedule.AlphaBar(index - 1);
        double variance = this.Eta * this.Eta * (1 - to) / (1 - from) * (1 - (from / to));
        double direction = Math.Sqrt(Math.Max(1 - to - variance, 0));
        LinearPair noise = this.Objective.Noise(level);
        return (
            memory.Plan(level), this.PlanDenoised(memory, level),
            memory.Plan(Math.Sqrt(to), direction * noise.OfSample, direction * noise.OfOther, Math.Sqrt(variance)));
    }
}
