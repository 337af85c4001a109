using DimIlgpu.Kernels;
using DimIlgpu.Model.Diffusion;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class DdimTests
{
    public static TheoryData<TestDevice, bool, double> Oracle
    {
        get
        {
            TheoryData<TestDevice, bool, double> data = [];
            foreach (TestDevice device in Devices.Fast)
            {
                data.Add(device, false, 172.0067);
                data.Add(device, true, 52.5302);
            }

            return data;
        }
    }

    /// <summary>The figures that MODEL.md gives as absolute truth.</summary>
    [Theory, MemberData(nameof(Oracle))]
    public void The_deterministic_model_reaches_the_published_sum(TestDevice kind, bool velocity, double expected)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        ScheduledObjective objective = velocity ? new VelocityObjective() : new EpsilonObjective();
        DdimSampler sampler = new(objective, 10, TimestepSpacing.Leading) { Clip = 1 };
        Assert.Equal([900, 800, 700, 600, 500, 400, 300, 200, 100, 0], Enumerable.Range(0, 10).Select(i => sampler.Schedule.Timestep(9 - i)));

        // arange(768).reshape(3, 8, 8, 4) / 768, transposed (3, 0, 1, 2).
        Tensor x = arena.Rent(new(4, 192));
        x.Upload([.. Enumerable.Range(0, 768).Select(i => (((i % 192) * 4) + (i / 192)) / 768f)]);
        foreach (SamplingStep _ in sampler.Sample(new Oracular(arena), x, seed: 0))
        {
        }

        Assert.Equal(expected, x.ToArray().Sum(v => Math.Abs((double)v)), 0.01);
    }

    /// <summary>model(s, t) = s · t / (t + 1).</summary>
    private sealed class Oracular(Arena arena) : IDenoiser
    {
        public bool LearnsVariance => false;

        public void Predict(Tensor x, NoiseLevel level, Tensor times, Tensor prediction, Tensor? variance)
        {
            float[] k = [.. times.ToArray().SelectMany(t => new[] { t / (t + 1), 0, 0, 0, 0 })];
            Tensor table = arena.Rent(new(x.Rows, Mix.Width));
            table.Upload(k);
            Mix.Forward(x.Device, [x], table, prediction);
        }
    }
}
