using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class TensorClearTests
{
    public static MatrixTheoryData<TestDevice, int> Cases => new(Devices.All, [0, 8, 31, 64]);

    [Theory, MemberData(nameof(Cases))]
    public void Clearing_touches_its_own_elements_alone(TestDevice kind, int start)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[] ones = [.. Enumerable.Repeat(1.0, 640)];
        Tensor all = arena.Upload(ones, new(1, 640));
        all.Slice(start, 32).Clear();
        all.ShouldBe([.. ones.Select((_, i) => i >= start && i < start + 32 ? 0.0 : 1.0)], 0, 1e-6);
    }

    [Theory, MemberData(nameof(Cases))]
    public void Copying_touches_its_own_elements_alone(TestDevice kind, int start)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[] x = Data.Random(1, 640), y = Data.Random(2, 640);
        Tensor to = arena.Upload(x, new(1, 640)), from = arena.Upload(y, new(1, 640));
        to.Slice(start, 32).CopyFrom(from.Slice(100, 32));
        to.ShouldBe([.. x.Select((v, i) => i >= start && i < start + 32 ? y[i - start + 100] : v)], 0, 1e-6);
    }
}
