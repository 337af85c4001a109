namespace DimIlgpu.Model.Diffusion;

/// <summary>Which steps of a schedule a shorter one keeps.</summary>
public enum TimestepSpacing
{
    /// <summary>0, T/S, 2T/S, …: as DDIM was published. The noisiest step is not among them.</summary>
    Leading,

    /// <summary>From 0 to T − 1, both included: as DDPM is respaced by Nichol and Dhariwal, and by DiT.</summary>
    Spread,

    /// <summary>From 0 to T − 1, even in λ = ln(√ᾱ / √(1 − ᾱ)): for DPM-Solver++.</summary>
    LogRatio,
}

/// <summary>The variances of a diffusion over discrete steps, and all that follows from them. Immutable.</summary>
/// <remarks>
/// Ho, Jain and Abbeel 2020; Nichol and Dhariwal 2021. Computed in double precision on the host.
/// q(x_t | x₀) = N(√ᾱ_t·x₀, 1 − ᾱ_t), ᾱ_t = Π (1 − β).
/// </remarks>
public sealed class NoiseSchedule
{
    private readonly double[] cumulative;
    private readonly int[] timesteps;

    private NoiseSchedule(double[] cumulative, int[] timesteps) =>
        (this.cumulative, this.timesteps) = (cumulative, timesteps);

    /// <summary>Number of steps.</summary>
    public int Steps => this.cumulative.Length;

    /// <summary>β even from <paramref name="first"/> to <paramref name="last"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no step, or a β is not between 0 and 1.</exception>
    public static NoiseSchedule Linear(int steps = 1000, double first = 1e-4, double last = 0.02)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        return FromBetas([.. Enumerable.Range(0, steps).Select(i => first + ((last - first) * i / Math.Max(steps - 1, 1)))]);
    }

    /// <summary>ᾱ = cos²((t/T + s) / (1 + s) · π/2), relative to t = 0, no β above 0.999.</summary>
    /// <param name="steps">T.</param>
    /// <param name="offset">s, which keeps the first β from being too small.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no step.</exception>
    public static NoiseSchedule Cosine(int steps = 1000, double offset = 0.008)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        double At(int i) => Math.Pow(Math.Cos((((double)i / steps) + offset) / (1 + offset) * Math.PI / 2), 2);
        return FromBetas([.. Enumerable.Range(0, steps).Select(i => Math.Min(1 - (At(i + 1) / At(i)), 0.999))]);
    }

    /// <summary>A schedule with these β.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is none, or one is not between 0 and 1.</exception>
    public static NoiseSchedule FromBetas(ReadOnlySpan<double> betas)
    {
        ArgumentOutOfRangeException.ThrowIfZero(betas.Length);
        double[] cumulative = new double[betas.Length];
        double product = 1;
        for (int i = 0; i < betas.Length; i++)
        {
            if (!(betas[i] > 0 && betas[i] < 1))
            {
                throw new ArgumentOutOfRangeException(nameof(betas), betas[i], $"β of step {i} is not between 0 and 1.");
            }

            cumulative[i] = product *= 1 - betas[i];
        }

        return new(cumulative, [.. Enumerable.Range(0, betas.Length)]);
    }

    /// <summary>ᾱ after step <paramref name="index"/>; 1 for −1, the clean sample.</summary>
    public double AlphaBar(int index) => index < 0 ? 1 : this.cumulative[index];

    /// <summary>β of a step, over all the steps that respacing left out.</summary>
    public double Beta(int index) => 1 - (this.AlphaBar(index) / this.AlphaBar(index - 1));

    /// <summary>β̃, the variance of q(x_{t−1} | x_t, x₀); 0 for the first step.</summary>
    public double PosteriorVariance(int index) =>
        this.Beta(index) * (1 - this.AlphaBar(index - 1)) / (1 - this.AlphaBar(index));

    /// <summary>ln β̃, the first step's being that of the second, as 0 has no logarithm.</summary>
    public double PosteriorLogVariance(int index) =>
        this.Steps == 1 ? Math.Log(this.Beta(0)) : Math.Log(this.PosteriorVariance(Math.Max(index, 1)));

    /// <summary>The mean of q(x_{t−1} | x_t, x₀) as factors of x_t and of x₀.</summary>
    public LinearPair PosteriorMean(int index)
    {
        double beta = this.Beta(index), before = this.AlphaBar(index - 1), rest = 1 - this.AlphaBar(index);
        return new(Math.Sqrt(1 - beta) * (1 - before) / rest, beta * Math.Sqrt(before) / rest);
    }

    /// <summary>The step of the schedule that the network was trained with.</summary>
    public int Timestep(int index) => this.timesteps[index];

    /// <summary>The noise level after a step; the clean sample for −1.</summary>
    public NoiseLevel Level(int index) => index < 0
        ? NoiseLevel.Clean
        : new(Math.Sqrt(this.cumulative[index]), Math.Sqrt(1 - this.cumulative[index]), this.timesteps[index], index);

    /// <summary>A schedule of fewer steps through the same noise levels.</summary>
    /// <param name="steps">How many; fewer remain where two would be the same step.</param>
    /// <param name="spacing">Which ones.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no step, or there are more than this schedule has.</exception>
    public NoiseSchedule Respace(int steps, TimestepSpacing spacing = TimestepSpacing.Spread)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(steps, this.Steps);
        double last = this.Steps - 1, share = Math.Max(steps - 1, 1);
        Func<int, int> at = spacing switch
        {
            TimestepSpacing.Leading => i => (int)((long)i * this.Steps / steps),
            TimestepSpacing.Spread when steps == 1 => _ => (int)last,
            TimestepSpacing.Spread => i => (int)Math.Round(i * last / share),
            TimestepSpacing.LogRatio when steps == 1 => _ => (int)last,
            TimestepSpacing.LogRatio => i => this.Nearest(
                this.Level(0).LogRatio + ((this.Level((int)last).LogRatio - this.Level(0).LogRatio) * i / share)),
            _ => throw new ArgumentOutOfRangeException(nameof(spacing), spacing, "There is no such spacing."),
        };
        int[] kept = [.. Enumerable.Range(0, steps).Select(at).Distinct()];
        return new([.. kept.Select(i => this.cumulative[i])], [.. kept.Select(i => this.timesteps[i])]);
    }

    /// <summary>The step whose λ is nearest; λ falls from step to step.</summary>
    private int Nearest(double logRatio)
    {
        int low = 0, high = this.Steps - 1;
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            (low, high) = this.Level(middle).LogRatio > logRatio ? (middle, high) : (low, middle);
        }

        return this.Level(low).LogRatio - logRatio < logRatio - this.Level(high).LogRatio ? low : high;
    }
}
