using DimIlgpu.Kernels;
using DimIlgpu.Model.Diffusion;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SamplerTests
{
    private const double Mean = 0.4, Deviation = 0.3;

    private static readonly Dictionary<string, (IObjective Objective, ISampler Sampler)> Cases = Make();

    public static TheoryData<string> Samplers => [.. Cases.Keys];

    public static TheoryData<TestDevice> FastDevices => [.. Devices.Fast];

    /// <summary>Data of known mean and deviation, and the exact network for them.</summary>
    [Theory, MemberData(nameof(Samplers))]
    public void Known_data_are_recovered(string name)
    {
        (IObjective objective, ISampler sampler) = Cases[name];
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        using GaussianDenoiser denoiser = new(device, objective, Mean, Deviation);
        Tensor x = arena.Rent(new(16, 512));
        sampler.Run(denoiser, x, seed: 11);
        float[] values = x.ToArray();
        double mean = values.Average(v => (double)v);
        Assert.Equal(Mean, mean, 0.015);
        Assert.Equal(Deviation, Math.Sqrt(values.Average(v => (v - mean) * (v - mean))), 0.015);
    }

    [Theory, MemberData(nameof(FastDevices))]
    public void Devices_agree_on_an_ancestral_run(TestDevice kind)
    {
        DdpmSampler sampler = new(new VelocityObjective(), 8) { Clip = 1 };
        float[] expected = Run(TestDevice.Cpu1, sampler, sampler.Objective, 3);
        Run(kind, sampler, sampler.Objective, 3).ShouldBe([.. expected.Select(v => (double)v)], 2e-4, 2e-4);
    }

    [Fact]
    public void A_seed_decides_the_samples()
    {
        DdimSampler sampler = new(new EpsilonObjective(), 5) { Eta = 1 };
        float[] samples = Run(TestDevice.Cpu16, sampler, sampler.Objective, 3);
        Assert.Equal(samples, Run(TestDevice.Cpu16, sampler, sampler.Objective, 3));
        Assert.NotEqual(samples, Run(TestDevice.Cpu16, sampler, sampler.Objective, 4));
    }

    [Fact]
    public void Eta_one_is_ancestral_sampling()
    {
        // The same noise and, with the exact variance, the same step written in another way.
        EpsilonObjective objective = new();
        float[] ddpm = Run(TestDevice.Cpu16, new DdpmSampler(objective, 20), objective, 3);
        Run(TestDevice.Cpu16, new DdimSampler(objective, 20, TimestepSpacing.Spread) { Eta = 1 }, objective, 3)
            .ShouldBe([.. ddpm.Select(v => (double)v)], 1e-3, 1e-3);
    }

    [Theory]
    [InlineData(-1, StepVariance.Posterior)]
    [InlineData(1, StepVariance.Forward)]
    public void A_learned_variance_at_its_bounds_is_a_fixed_one(double v, StepVariance variance)
    {
        EpsilonObjective objective = new();
        DdpmSampler sampler = new(objective, 20) { Variance = variance };
        float[] fixedSamples = Run(TestDevice.Cpu16, sampler, objective, 3);
        Run(TestDevice.Cpu16, sampler, objective, 3, v).ShouldBe([.. fixedSamples.Select(f => (double)f)], 1e-3, 1e-3);
    }

    [Fact]
    public void A_variance_without_noise_prediction_is_refused()
    {
        VelocityObjective objective = new();
        Assert.Equal("denoiser", Assert.Throws<ArgumentException>(
            () => Run(TestDevice.Cpu1, new DdpmSampler(objective, 5), objective, 3, 0)).ParamName);
    }

    [Fact]
    public void Dpm_solver_is_of_second_order()
    {
        EpsilonObjective objective = new(NoiseSchedule.Linear(100_000, 1e-6, 2e-4));
        double[] errors = [.. new[] { 20, 40, 80 }.Select(steps => Error(
            objective, new DpmSolverSampler(objective, steps, TimestepSpacing.LogRatio),
            objective.Schedule.Level(objective.Schedule.Steps - 1), stopBefore: 1))];
        Assert.All(errors.Zip(errors.Skip(1)), e => Assert.InRange(Math.Log2(e.First / e.Second), 1.6, 2.6));
    }

    [Fact]
    public void Ddim_is_of_first_order()
    {
        EpsilonObjective objective = new(NoiseSchedule.Linear(100_000, 1e-6, 2e-4));
        double[] errors = [.. new[] { 20, 40, 80 }.Select(steps => Error(
            objective, new DdimSampler(objective, steps, TimestepSpacing.LogRatio),
            objective.Schedule.Level(objective.Schedule.Steps - 1), stopBefore: 1))];
        Assert.All(errors.Zip(errors.Skip(1)), e => Assert.InRange(Math.Log2(e.First / e.Second), 0.7, 1.4));
    }

    [Theory]
    [InlineData(false, 0.8, 1.3)]
    [InlineData(true, 1.7, 2.4)]
    public void Euler_is_of_first_order_and_Heun_of_second(bool heun, double least, double most)
    {
        FlowObjective objective = new();
        double[] errors = [.. new[] { 20, 40, 80 }.Select(steps => Error(
            objective, heun ? new FlowHeunSampler(objective, steps) : new FlowEulerSampler(objective, steps),
            FlowObjective.Level(1), stopBefore: 0))];
        Assert.All(errors.Zip(errors.Skip(1)), e => Assert.InRange(Math.Log2(e.First / e.Second), least, most));
    }

    [Fact]
    public void Steps_can_be_watched_and_stopped()
    {
        EpsilonObjective objective = new();
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        using GaussianDenoiser denoiser = new(device, objective, Mean, Deviation);
        Tensor x = arena.Rent(new(2, 16));
        SamplerExtensions.Begin(x, 1);
        foreach (SamplingStep step in new DdimSampler(objective, 10).Sample(denoiser, x, 1))
        {
            Assert.Equal(10, step.Count);
            Assert.Equal(denoiser.Evaluations, step.Number);
            Assert.Equal(32, step.Denoised.ToArray().Length);
            if (step.Number == 3)
            {
                break;
            }
        }

        Assert.Equal(3, denoiser.Evaluations);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        EpsilonObjective objective = new();
        Assert.Throws<ArgumentOutOfRangeException>(() => new DdimSampler(objective) { Eta = 1.5 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DdimSampler(objective) { Clip = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DdimSampler(objective, 1001));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FlowEulerSampler(new(), 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FlowEulerSampler(new()) { Shift = 0 });
    }

    private static Dictionary<string, (IObjective Objective, ISampler Sampler)> Make()
    {
        EpsilonObjective epsilon = new();
        VelocityObjective velocity = new(NoiseSchedule.Cosine());
        SampleObjective sample = new();
        FlowObjective flow = new();
        return new()
        {
            ["ddpm, epsilon"] = (epsilon, new DdpmSampler(epsilon, 500)),
            ["ddpm, velocity, cosine"] = (velocity, new DdpmSampler(velocity, 300)),
            ["ddim, epsilon"] = (epsilon, new DdimSampler(epsilon, 250)),
            ["ddim, sample, eta"] = (sample, new DdimSampler(sample, 100, TimestepSpacing.Spread) { Eta = 0.5 }),
            ["dpm, epsilon"] = (epsilon, new DpmSolverSampler(epsilon, 20)),
            ["dpm, epsilon, spread"] = (epsilon, new DpmSolverSampler(epsilon, 120, TimestepSpacing.Spread)),
            ["dpm, velocity, cosine"] = (velocity, new DpmSolverSampler(velocity, 20)),
            ["euler"] = (flow, new FlowEulerSampler(flow, 100)),
            ["euler, shifted"] = (flow, new FlowEulerSampler(flow, 100) { Shift = 3 }),
            ["heun"] = (flow, new FlowHeunSampler(flow, 25)),
        };
    }

    private static float[] Run(TestDevice kind, ISampler sampler, IObjective objective, ulong seed, double? variance = null)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        using GaussianDenoiser denoiser = new(device, objective, Mean, Deviation)
        {
            LearnsVariance = variance is not null,
            Variance = variance ?? 0,
        };
        Tensor x = arena.Rent(new(2, 33));
        sampler.Run(denoiser, x, seed);
        return x.ToArray();
    }

    /// <summary>The largest distance from the exact probability flow, as many steps before the end.</summary>
    private static double Error(IObjective objective, ISampler sampler, NoiseLevel start, int stopBefore)
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu1);
        Device device = lease.Device;
        using Arena arena = new(device);
        using GaussianDenoiser denoiser = new(device, objective, 2, 0.5);
        double[] from = [-2, -1, 0, 0.5, 1, 2];
        Tensor x = arena.Upload(from, new(1, from.Length));
        SamplingStep last = default;
        foreach (SamplingStep step in sampler.Sample(denoiser, x, 1).Take(sampler.Steps - stopBefore))
        {
            last = step;
        }

        return x.ToArray().Zip(from, (got, f) => Math.Abs(got - denoiser.Flow(f, start, last.Level))).Max();
    }
}
