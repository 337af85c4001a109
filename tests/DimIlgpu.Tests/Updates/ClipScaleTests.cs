using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class ClipScaleTests
{
    public static MatrixTheoryData<TestDevice, double, double> Cases => new(
        Devices.All, [0, 0.25, 16, 1e20, 1e38, double.NaN, double.PositiveInfinity], [0, 1, 1000]);

    [Theory, MemberData(nameof(Cases))]
    public void It_matches_the_reference(TestDevice kind, double squaredNorm, double maximum)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor state = arena.Rent(UpdateState.Shape);
        UpdateState values = UpdateState.At(1, 0.1, 0.9, 0.99, accumulation: 2);
        values.Upload(state);
        UpdateState.SquaredNorm(state).Upload([(float)squaredNorm]);
        ClipScale.Update(device, state, (float)maximum);
        (double norm, double scale, double go) = ClipScaleReference.Update(squaredNorm, 0.5, maximum);
        if (go != 0)
        {
            UpdateState.Norm(state).ShouldBe([norm], 1e-6, 1e-30, "norm");
        }

        state.Slice(UpdateState.ScaleAt, 2).ShouldBe([scale, go], 1e-6, 1e-30, "(scale, go)");
        Assert.Equal(go != 0, float.IsFinite(UpdateState.Norm(state).ToArray()[0]));
    }

    [Fact]
    public void A_negative_norm_is_rejected()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Assert.Throws<ArgumentOutOfRangeException>(() => ClipScale.Update(device, arena.Rent(UpdateState.Shape), -1));
        Assert.Equal("state", Assert.Throws<ArgumentException>(() => ClipScale.Update(device, arena.Rent(new(1, 2)), 1)).ParamName);
    }
}
