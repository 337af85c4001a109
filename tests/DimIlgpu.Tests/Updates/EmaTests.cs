using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class EmaTests
{
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 3], [1, 24, 70]);

    [Theory, MemberData(nameof(Cases))]
    public void It_matches_the_reference(TestDevice kind, int rows, int columns)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(rows, columns);
        double[] p = Data.Normal(1, rows * columns), e = Data.Normal(2, rows * columns);
        Tensor pDevice = arena.Upload(p, shape), eDevice = arena.Upload(e, shape), state = arena.Rent(UpdateState.Shape);
        foreach (double decay in new[] { 0, 0.9, 0.9999 })
        {
            UpdateState.At(1, 0, 0.9, 0.999, decay).Upload(state);
            Ema.Update(device, pDevice, eDevice, state);
            e = EmaReference.Update(p, e, decay);
            p = Data.Normal(3, p.Length);
            pDevice.Upload([.. p.Select(x => (float)x)]);
        }

        eDevice.ShouldBe(e, 2e-6, 1e-6);
    }

    [Fact]
    public void Small_rates_keep_their_digits()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor p = arena.Upload([1], new(1, 1)), e = arena.Upload([0], new(1, 1)), state = arena.Rent(UpdateState.Shape);
        UpdateState.At(1, 0, 0.9, 0.999, 0.999999).Upload(state);
        Ema.Update(device, p, e, state);
        e.ShouldBe([1e-6], 1e-6, 0);
    }
}
