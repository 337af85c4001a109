using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class AdamWTests
{
    private static readonly AdamWConstants Constants = new(0.9, 0.999, 1e-8, 0.1);

    public static MatrixTheoryData<TestDevice, int, int, bool> Cases => new(Devices.All, [1, 3], [1, 24, 70], [true, false]);

    [Theory, MemberData(nameof(Cases))]
    public void Several_steps_match_the_reference(TestDevice kind, int rows, int columns, bool average)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(rows, columns);
        int length = rows * columns;
        double[] p = Data.Normal(1, length), m = new double[length], v = new double[length];
        double[]? e = average ? [.. p] : null;
        Tensor pDevice = arena.Upload(p, shape), mDevice = arena.Upload(m, shape), vDevice = arena.Upload(v, shape);
        Tensor? eDevice = average ? arena.Upload(p, shape) : null;
        Tensor state = arena.Rent(UpdateState.Shape), copy = arena.Rent(shape, type: kind < TestDevice.Simt ? ElementType.Float32 : ElementType.BFloat16);
        for (int step = 1; step <= 4; step++)
        {
            double[] g = Data.Normal(10 + step, length);
            if (step == 2)
            {
                // No gradient at all: the moments still move the parameters.
                Array.Clear(g);
            }

            Tensor gDevice = arena.Upload(g, shape);
            double learningRate = 0.01 * step, decay = 1 - (0.1 / step), squared = SquaredNormReference.Update(g);
            double scale = ClipScaleReference.Update(squared, 0.5, 0.5).Scale;
            UpdateState.At(step, learningRate, Constants.Beta1, Constants.Beta2, decay, accumulation: 2).Upload(state);
            SquaredNorm.Update(device, gDevice, UpdateState.SquaredNorm(state));
            ClipScale.Update(device, state, 0.5f);
            AdamW.Update(device, pDevice, gDevice, mDevice, vDevice, eDevice, state, Constants, copy);
            AdamWReference.Update(p, g, m, v, e, step, learningRate, decay, scale, Constants);
            gDevice.ShouldBe(g, 0, 1e-30, "g");
        }

        pDevice.ShouldBe(p, 2e-6, 1e-6, "p");
        mDevice.ShouldBe(m, 2e-6, 1e-7, "m");
        vDevice.ShouldBe(v, 1e-5, 1e-9, "v");
        float[] values = pDevice.ToArray();
        Assert.Equal(kind < TestDevice.Simt ? values : [.. values.Select(x => (float)Data.RoundToBFloat16(x))], copy.ToArray());
        eDevice?.ShouldBe(e!, 2e-6, 1e-6, "e");
    }

    public static MatrixTheoryData<TestDevice, float> NotFinite => new(
        Devices.All, [float.NaN, float.PositiveInfinity, float.NegativeInfinity]);

    [Theory, MemberData(nameof(NotFinite))]
    public void A_gradient_that_is_not_finite_is_cleared_and_harms_nothing(TestDevice kind, float value)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(2, 20);
        double[] p = Data.Normal(1, 40), m = Data.Normal(2, 40), v = [.. Data.Normal(3, 40).Select(Math.Abs)], e = Data.Normal(4, 40);
        double[] g = Data.Normal(5, 40);
        g[23] = value;
        Tensor pd = arena.Upload(p, shape), gd = arena.Upload(g, shape), md = arena.Upload(m, shape), vd = arena.Upload(v, shape);
        Tensor ed = arena.Upload(e, shape), state = arena.Rent(UpdateState.Shape);
        UpdateState.At(1, 0.1, 0.9, 0.999, 0.5).Upload(state);
        SquaredNorm.Update(device, gd, UpdateState.SquaredNorm(state));
        ClipScale.Update(device, state, 1);
        AdamW.Update(device, pd, gd, md, vd, ed, state, Constants);
        UpdateState.Go(state).ShouldBe([0], 0, 1e-30, "go");
        gd.ShouldBe(new double[40], 0, 1e-30, "g");
        pd.ShouldBe(p, 0, 1e-30, "p");
        md.ShouldBe(m, 0, 1e-30, "m");
        vd.ShouldBe(v, 0, 1e-30, "v");
        ed.ShouldBe(e, 0, 1e-30, "e");
    }

    [Fact]
    public void Bias_correction_makes_the_first_step_as_long_as_the_learning_rate()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(1, 3);
        Tensor p = arena.Upload([1, 1, 1], shape), g = arena.Upload([1e-3, -5, 0], shape);
        Tensor m = arena.Rent(shape, clear: true), v = arena.Rent(shape, clear: true), state = arena.Rent(UpdateState.Shape);
        UpdateState.At(1, 0.01, 0.9, 0.999).Upload(state);
        SquaredNorm.Update(device, g, UpdateState.SquaredNorm(state));
        ClipScale.Update(device, state, 0);
        AdamW.Update(device, p, g, m, v, null, state, Constants with { WeightDecay = 0 });
        p.ShouldBe([0.99, 1.01, 1], 0, 1e-6);
    }

    [Fact]
    public void Wrong_shapes_and_steps_are_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor p = arena.Rent(new(2, 4)), q = arena.Rent(new(2, 3)), state = arena.Rent(UpdateState.Shape);
        Assert.Equal("g", Assert.Throws<ArgumentException>(() => AdamW.Update(device, p, q, p, p, null, state, Constants)).ParamName);
        Assert.Equal("ema", Assert.Throws<ArgumentException>(() => AdamW.Update(device, p, p, p, p, q, state, Constants)).ParamName);
        Assert.Equal("state", Assert.Throws<ArgumentException>(() => AdamW.Update(device, p, p, p, p, null, p, Constants)).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => UpdateState.At(0, 0.1, 0.9, 0.99));
        Assert.Throws<ArgumentOutOfRangeException>(() => UpdateState.At(1, 0.1, 0.9, 0.99, emaDecay: 1.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => UpdateState.At(1, 0.1, 0.9, 0.99, accumulation: 0));
    }
}
