using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class AdamWOptimizerTests
{
    public static TheoryData<TestDevice> Kinds => [.. Devices.Fast];

    // ½|x − target|² has the gradient x − target, here as the sum of two batches.
    [Theory, MemberData(nameof(Kinds))]
    public void It_fits_a_quadratic(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using ParameterStore store = Store(device);
        AdamWOptimizer optimizer = new(store, new() { MaxGradientNorm = 10 });
        using Arena arena = new(device);
        double[] target = Data.Normal(7, 12);
        for (int step = 1; step <= 300; step++)
        {
            foreach (Parameter p in store.Parameters)
            {
                float[] x = p.Value.ToArray();
                p.Gradient!.Value.Upload([.. x.Select((v, i) => 2 * (v - (float)target[i]))]);
            }

            optimizer.Step(step, 0.1 * Math.Min(1, (300 - step) / 150.0), emaDecay: 0.9, accumulation: 2);
        }

        foreach (Parameter p in store.Parameters)
        {
            p.Value.ShouldBe(target, 0, 1e-3, p.Name);
            p.Ema!.Value.ShouldBe(target, 0, 1e-2, p.Name);
            p.Gradient!.Value.ShouldBe(new double[12], 0, 1e-30, p.Name);
        }

        Assert.Equal(300, store.Version);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Only_parameters_that_decay_do_and_padding_stays_zero(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using ParameterStore store = Store(device);
        AdamWOptimizer optimizer = new(store, new() { WeightDecay = 0.5, LearningRate = 0.1 });
        foreach (Parameter p in store.Parameters)
        {
            p.Value.Upload([.. Enumerable.Repeat(1f, 12)]);
        }

        optimizer.Step(1);
        store["weight"].Value.ShouldBe([.. Enumerable.Repeat(0.95, 12)], 0, 1e-6);
        store["bias"].Value.ShouldBe([.. Enumerable.Repeat(1.0, 12)], 0, 1e-6);
        Assert.Equal(24, store.Values.ToArray().Count(v => v != 0));
        Assert.Equal(0, optimizer.ReadNorm());
    }

    [Theory, MemberData(nameof(Kinds))]
    public void The_norm_is_of_all_parameters_and_clips_them_together(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using ParameterStore store = Store(device);
        AdamWOptimizer optimizer = new(store, new() { MaxGradientNorm = 1 });
        foreach (Parameter p in store.Parameters)
        {
            p.Gradient!.Value.Upload([3f, .. new float[11]]);
        }

        store["bias"].Gradient!.Value.Upload([4f, .. new float[11]]);
        optimizer.Step(1);
        Assert.Equal(5, optimizer.ReadNorm(), 1e-5);
        store["weight"].Moment1!.Value.ToArray()[..1].ShouldBe([0.1 * 3 / 5], 1e-5, 0);
        store["bias"].Moment1!.Value.ToArray()[..1].ShouldBe([0.1 * 4 / 5], 1e-5, 0);
    }

    [Fact]
    public void A_step_that_is_not_finite_is_left_out()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using ParameterStore store = Store(device);
        AdamWOptimizer optimizer = new(store);
        store["bias"].Gradient!.Value.Upload([float.NaN, .. new float[11]]);
        optimizer.Step(1, emaDecay: 0.5);
        Assert.False(float.IsFinite(optimizer.ReadNorm()));
        Assert.All(store.Values.ToArray(), v => Assert.Equal(0, v));
        Assert.All(store.Gradients!.Value.ToArray(), v => Assert.Equal(0, v));
        store["bias"].Gradient!.Value.Upload([1f, .. new float[11]]);
        optimizer.Step(2);
        Assert.Equal(1, optimizer.ReadNorm());
        Assert.True(store["bias"].Value.ToArray()[0] < 0);
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        Assert.Equal("Beta1", Assert.Throws<ArgumentOutOfRangeException>(() => new AdamWOptions { Beta1 = 1 }).ParamName);
        Assert.Equal("WeightDecay", Assert.Throws<ArgumentOutOfRangeException>(() => new AdamWOptions { WeightDecay = -1 }).ParamName);
        Assert.Equal("Epsilon", Assert.Throws<ArgumentOutOfRangeException>(() => new AdamWOptions { Epsilon = 0 }).ParamName);
        Assert.Equal("MaxGradientNorm", Assert.Throws<ArgumentOutOfRangeException>(() => new AdamWOptions { MaxGradientNorm = double.NaN }).ParamName);
    }

    private static ParameterStore Store(Device device)
    {
        ParameterStore store = new();
        store.Declare("bias", new(1, 12), decays: false);
        store.Declare("weight", new(3, 4));
        store.Allocate(device);
        return store;
    }
}
