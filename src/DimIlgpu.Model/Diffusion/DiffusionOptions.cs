namespace DimIlgpu.Model.Diffusion;

/// <summary>What the network is trained to predict.</summary>
public enum ObjectiveKind
{
    /// <summary>The noise ε; the only one with a learned variance.</summary>
    Epsilon,

    /// <summary>v = √ᾱ ε − √(1−ᾱ) x₀: Salimans and Ho 2022.</summary>
    Velocity,

    /// <summary>The clean sample x₀.</summary>
    Sample,

    /// <summary>The velocity ε − x₀ of the straight path: flow matching, Lipman et al. 2023.</summary>
    Flow,
}

/// <summary>How fast noise is added.</summary>
public enum ScheduleKind
{
    /// <summary>β from 1e-4 to 0.02, as DDPM and DiT.</summary>
    Linear,

    /// <summary>Nichol and Dhariwal 2021.</summary>
    Cosine,
}

/// <summary>How samples are drawn.</summary>
public enum SamplerKind
{
    /// <summary>DPM-Solver++(2M), or Heun for flow matching.</summary>
    Auto,

    /// <summary>Ancestral sampling.</summary>
    Ddpm,

    /// <summary>Song et al. 2021.</summary>
    Ddim,

    /// <summary>DPM-Solver++(2M): Lu et al. 2022.</summary>
    DpmSolver,

    /// <summary>Euler's method, for flow matching.</summary>
    Euler,

    /// <summary>Heun's method, for flow matching.</summary>
    Heun,
}

/// <summary>The diffusion process that a network is trained on.</summary>
public sealed record DiffusionOptions
{
    /// <summary>What the network predicts.</summary>
    public ObjectiveKind Objective { get; init; } = ObjectiveKind.Epsilon;

    /// <summary>How fast noise is added; has no meaning for flow matching.</summary>
    public ScheduleKind Schedule { get; init; } = ScheduleKind.Linear;

    /// <summary>γ of min-SNR weighting (Hang et al. 2023); 0 for none.</summary>
    public double MinSnrGamma { get; init; }

    /// <summary>How times are drawn for flow matching.</summary>
    public FlowTimes FlowTimes { get; init; } = FlowTimes.Uniform;

    /// <summary>The objective itself.</summary>
    public IObjective CreateObjective() => this.Objective switch
    {
        ObjectiveKind.Flow => new FlowObjective { Times = this.FlowTimes, MinSnrGamma = this.MinSnrGamma },
        ObjectiveKind.Velocity => new VelocityObjective(this.CreateSchedule()) { MinSnrGamma = this.MinSnrGamma },
        ObjectiveKind.Sample => new SampleObjective(this.CreateSchedule()) { MinSnrGamma = this.MinSnrGamma },
        _ => new EpsilonObjective(this.CreateSchedule()) { MinSnrGamma = this.MinSnrGamma },
    };

    /// <summary>A sampler for it.</summary>
    /// <param name="kind">Which one.</param>
    /// <param name="steps">Evaluations of the network (twice as many for Heun); 0 for the sampler's own number.</param>
    /// <param name="eta">η of DDIM: 0 is deterministic.</param>
    /// <param name="clip">The bound of x̂₀: 1 for pixels, 0 for none.</param>
    /// <exception cref="ArgumentException">The sampler does not fit the objective.</exception>
    public ISampler CreateSampler(SamplerKind kind = SamplerKind.Auto, int steps = 0, double eta = 0, double clip = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        IObjective objective = this.CreateObjective();
        if (objective is FlowObjective flow)
        {
            return kind switch
            {
                SamplerKind.Euler => new FlowEulerSampler(flow, Or(steps, 50)) { Clip = clip },
                SamplerKind.Auto or SamplerKind.Heun => new FlowHeunSampler(flow, Or(steps, 25)) { Clip = clip },
                _ => throw new ArgumentException($"The sampler {kind} does not fit flow matching; expected Euler or Heun.", nameof(kind)),
            };
        }

        ScheduledObjective scheduled = (ScheduledObjective)objective;
        return kind switch
        {
            SamplerKind.Ddpm => new DdpmSampler(scheduled, Or(steps, 250)) { Clip = clip },
            SamplerKind.Ddim => new DdimSampler(scheduled, Or(steps, 50)) { Clip = clip, Eta = eta },
            SamplerKind.Auto or SamplerKind.DpmSolver => new DpmSolverSampler(scheduled, Or(steps, 20)) { Clip = clip },
            _ => throw new ArgumentException($"The sampler {kind} is for flow matching; this network predicts {this.Objective}.", nameof(kind)),
        };
    }

    private NoiseSchedule CreateSchedule() => this.Schedule == ScheduleKind.Cosine ? NoiseSchedule.Cosine() : NoiseSchedule.Linear();

    private static int Or(int value, int standard) => value == 0 ? standard : value;
}
