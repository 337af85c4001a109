using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>What both samplers of flow matching have in common. Immutable.</summary>
public abstract class FlowSampler
{
    private protected FlowSampler(FlowObjective objective, int steps)
    {
        ArgumentNullException.ThrowIfNull(objective);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        (this.Objective, this.Steps) = (objective, steps);
    }

    /// <summary>What the network predicts.</summary>
    public FlowObjective Objective { get; }

    /// <summary>How many steps are taken.</summary>
    public int Steps { get; }

    /// <inheritdoc cref="ScheduledSampler.Clip"/>
    public double Clip
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>Spends more (above 1) or fewer steps near the noise: t = s·u / (1 + (s − 1)·u), Esser et al. 2024.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not positive.</exception>
    public double Shift
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            field = value;
        }
    } = 1;

    /// <summary>t after <paramref name="done"/> steps: from 1 to 0.</summary>
    private protected double Time(int done)
    {
        double even = 1 - ((double)done / this.Steps);
        return this.Shift * even / (1 + ((this.Shift - 1) * even));
    }

    /// <summary>Plans x̂₀ from (x, output).</summary>
    private protected int PlanDenoised(SamplingMemory memory, NoiseLevel level)
    {
        LinearPair sample = this.Objective.Sample(level);
        return memory.Plan(sample.OfSample, sample.OfOther, clip: this.Clip);
    }
}

/// <summary>Euler's method for flow matching: x' = x + (t' − t)·v, v = (x − x̂₀) / t.</summary>
/// <param name="objective">What the network predicts.</param>
/// <param name="steps">How many steps to take.</param>
public sealed class FlowEulerSampler(FlowObjective objective, int steps = 50) : FlowSampler(objective, steps), ISampler
{
    /// <inheritdoc/>
    public string Name => "euler";

    /// <inheritdoc/>
    public IEnumerable<SamplingStep> Sample(IDenoiser denoiser, Tensor x, ulong seed)
    {
        using SamplingMemory memory = new(x, seed);
        (int Time, int Denoised, int Update)[] plan = [.. Enumerable.Range(0, this.Steps).Select(i => this.Plan(memory, i))];
        memory.Upload(draws: 0);
        for (int i = 0; i < this.Steps; i++)
        {
            memory.Predict(denoiser, x, FlowObjective.Level(this.Time(i)), plan[i].Time);
            memory.Apply(plan[i].Denoised, [x, memory.Prediction], memory.Denoised);
            memory.Apply(plan[i].Update, [x, memory.Denoised], x);
            yield return new(i + 1, this.Steps, FlowObjective.Level(this.Time(i + 1)), x, memory.Denoised);
        }
    }

    private (int Time, int Denoised, int Update) Plan(SamplingMemory memory, int done)
    {
        NoiseLevel level = FlowObjective.Level(this.Time(done));
        double ratio = this.Time(done + 1) / this.Time(done);
        return (memory.Plan(level), this.PlanDenoised(memory, level), memory.Plan(ratio, 1 - ratio));
    }
}

/// <summary>Heun's method for flow matching: second order, two evaluations a step but one in the last.</summary>
/// <remarks>
/// x' = x + ½·(t' − t)·(v(x, t) + v(x_E, t')), x_E being Euler's step. The last step is Euler's, as Karras et al. 2022
/// end: at t' = 0 there is no noise to tell the velocity from.
/// </remarks>
/// <param name="objective">What the network predicts.</param>
/// <param name="steps">How many steps to take.</param>
public sealed class FlowHeunSampler(FlowObjective objective, int steps = 25) : FlowSampler(objective, steps), ISampler
{
    /// <inheritdoc/>
    public string Name => "heun";

    /// <inheritdoc/>
    public IEnumerable<SamplingStep> Sample(IDenoiser denoiser, Tensor x, ulong seed)
    {
        using SamplingMemory memory = new(x, seed);
        (int Time, int Denoised, int Euler, int Heun)[] plan = [.. Enumerable.Range(0, this.Steps).Select(i => this.Plan(memory, i))];
        memory.Upload(draws: 0);
        Tensor euler = memory.Rent(), denoised = memory.Rent();
        for (int i = 0; i < this.Steps; i++)
        {
            NoiseLevel next = FlowObjective.Level(this.Time(i + 1));
            memory.Predict(denoiser, x, FlowObjective.Level(this.Time(i)), plan[i].Time);
            memory.Apply(plan[i].Denoised, [x, memory.Prediction], denoised);
            if (i == this.Steps - 1)
            {
                memory.Apply(plan[i].Euler, [x, denoised], x);
                yield return new(i + 1, this.Steps, next, x, denoised);
                yield break;
            }

            memory.Apply(plan[i].Euler, [x, denoised], euler);
            memory.Predict(denoiser, euler, next, plan[i + 1].Time);
            memory.Apply(plan[i + 1].Denoised, [euler, memory.Prediction], memory.Denoised);
            memory.Apply(plan[i].Heun, [x, denoised, euler, memory.Denoised], x);
            yield return new(i + 1, this.Steps, next, x, memory.Denoised);
        }
    }

    private (int Time, int Denoised, int Euler, int Heun) Plan(SamplingMemory memory, int done)
    {
        NoiseLevel level = FlowObjective.Level(this.Time(done));
        double from = this.Time(done), to = this.Time(done + 1), step = to - from, ratio = to / from;
        double first = 0.5 * step / from, second = to > 0 ? 0.5 * step / to : 0;
        return (
            memory.Plan(level), this.PlanDenoised(memory, level), memory.Plan(ratio, 1 - ratio),
            memory.Plan(1 + first, -first, second, -second));
    }
}
