using DimIlgpu.Kernels;
using DimIlgpu.Model.Diffusion;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class GuidanceTests
{
    private static readonly NoiseLevel Level = new(0.6, 0.8, 400);

    public static TheoryData<TestDevice> EveryDevice => [.. Devices.All];

    [Theory, MemberData(nameof(EveryDevice))]
    public void All_channels_move_away_from_the_unconditional_prediction(TestDevice kind)
    {
        (float[] prediction, float[] variance, Labelled inner) = Predict(kind, new() { Scale = 3 });

        // Conditional rows say 2x, the others x: x + 3·(2x − x).
        Assert.All(prediction, v => Assert.Equal(4f, v, 1e-5f));
        Assert.All(variance, v => Assert.Equal(0.5f, v));
        Assert.Equal([4L], inner.Rows);
    }

    [Fact]
    public void The_other_channels_can_stay_conditional()
    {
        (float[] prediction, _, _) = Predict(TestDevice.Cpu16, new() { Scale = 3, Channels = GuidedChannels.FirstThree });
        Assert.Equal(Enumerable.Range(0, prediction.Length).Select(i => i % 4 < 3 ? 4f : 2f), prediction.Select(v => MathF.Round(v, 4)));
    }

    [Fact]
    public void Outside_the_interval_and_at_scale_one_only_half_is_evaluated()
    {
        // σ of the level is 4/3.
        Guidance[] idle = [new() { Scale = 3, From = 1.4 }, new() { Scale = 3, To = 1.3 }, new() { Scale = 1 }];
        foreach (Guidance guidance in idle)
        {
            (float[] prediction, float[] variance, Labelled inner) = Predict(TestDevice.Cpu16, guidance);
            Assert.All(prediction, v => Assert.Equal(2f, v));
            Assert.All(variance, v => Assert.Equal(0.5f, v));
            Assert.Equal([2L], inner.Rows);
        }
    }

    [Fact]
    public void A_scale_that_is_no_number_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Guidance { Scale = double.NaN });
        Assert.Throws<ArgumentOutOfRangeException>(() => new Guidance { Scale = -1 });
    }

    private static (float[] Prediction, float[] Variance, Labelled Inner) Predict(TestDevice kind, Guidance guidance)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Labelled inner = new(arena, conditional: 2);
        using GuidedDenoiser denoiser = new(device, inner, guidance, channels: 4);
        Tensor x = arena.Upload([.. Enumerable.Repeat(1.0, 16)], new(2, 8)), times = arena.Upload([400, 400], new(2, 1));
        Tensor prediction = arena.Rent(x.Shape), variance = arena.Rent(x.Shape);
        denoiser.Predict(x, Level, times, prediction, variance);
        return (prediction.ToArray(), variance.ToArray(), inner);
    }

    /// <summary>Says 2x and ½ in conditional rows, x and 0 in the others.</summary>
    private sealed class Labelled(Arena arena, int conditional) : IDenoiser
    {
        public List<long> Rows { get; } = [];

        public bool LearnsVariance => true;

        public void Predict(Tensor x, NoiseLevel level, Tensor times, Tensor prediction, Tensor? variance)
        {
            Assert.Equal(Enumerable.Repeat(400f, (int)x.Rows), times.ToArray());
            this.Rows.Add(x.Rows);
            this.Scale(x, 2, 1, prediction);
            this.Scale(x, 0.5f, 0, variance!.Value);
        }

        private void Scale(Tensor x, float first, float rest, Tensor y)
        {
            Tensor k = arena.Rent(new(x.Rows, Mix.Width));
            k.Upload([.. Enumerable.Range(0, (int)x.Rows).SelectMany(r => new[] { r < conditional ? first : rest, 0, 0, 0, 0 })]);
            Mix.Forward(x.Device, [x], k, y);
        }
    }
}
