using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>DPM-Solver++(2M): second order, two predictions of x̂₀, one evaluation a step. Lu et al. 2022.</summary>
/// <remarks>
/// With λ = ln(a/s), h = λ' − λ and r = h₋₁/h: x' = (s'/s)·x − a'·(e^−h − 1)·D,
/// D = (1 + 1/(2r))·x̂₀ − 1/(2r)·x̂₀₋₁. The first step has no earlier prediction and the last, to s' = 0, an infinite h:
/// both are of first order, x' = x̂₀ being the limit of the last.
/// </remarks>
/// <param name="objective">What the network predicts.</param>
/// <param name="steps">How many steps to take.</param>
/// <param name="spacing">
/// Which ones. Even in λ by default: steps even in t take so long a last stride in λ that the extrapolation overshoots
/// (20 steps to a Gaussian of deviation 0.3 end at 0.39).
/// </param>
public sealed class DpmSolverSampler(
    ScheduledObjective objective, int steps = 20, TimestepSpacing spacing = TimestepSpacing.LogRatio)
    : ScheduledSampler(objective, steps, spacing), ISampler
{
    /// <inheritdoc/>
    public string Name => "dpm++2m";

    /// <inheritdoc/>
    public IEnumerable<SamplingStep> Sample(IDenoiser denoiser, Tensor x, ulong seed)
    {
        using SamplingMemory memory = new(x, seed);
        (int Time, int Denoised, int Update)[] plan = [.. Enumerable.Range(0, this.Steps).Select(i => this.Plan(memory, i))];
        memory.Upload(draws: 0);
        Tensor now = memory.Denoised, before = memory.Rent();
        for (int i = this.Steps - 1; i >= 0; i--)
        {
            memory.Predict(denoiser, x, this.Schedule.Level(i), plan[i].Time);
            memory.Apply(plan[i].Denoised, [x, memory.Prediction], now);
            if (this.IsFirstOrder(i))
            {
                memory.Apply(plan[i].Update, [x, now], x);
            }
            else
            {
                memory.Apply(plan[i].Update, [x, now, before], x);
            }

            yield return new(this.Steps - i, this.Steps, this.Schedule.Level(i - 1), x, now);
            (now, before) = (before, now);
        }
    }

    // Of first order also where the clean sample is next.
    private bool IsFirstOrder(int index) => index == this.Steps - 1 || index == 0;

    private (int Time, int Denoised, int Update) Plan(SamplingMemory memory, int index)
    {
        NoiseLevel level = this.Schedule.Level(index), next = this.Schedule.Level(index - 1);
        double step = next.LogRatio - level.LogRatio;
        double ofX = next.Noise / level.Noise, ofSample = -next.Signal * double.ExpM1(-step);
        double half = this.IsFirstOrder(index)
            ? 0
            : 0.5 * step / (level.LogRatio - this.Schedule.Level(index + 1).LogRatio);
        return (
            memory.Plan(level), this.PlanDenoised(memory, level),
            memory.Plan(ofX, ofSample * (1 + half), -ofSample * half));
    }
}
