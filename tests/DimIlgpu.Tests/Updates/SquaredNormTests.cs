using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SquaredNormTests
{
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 5], [1, 33, 1024]);

    // More rows than parts, in parts of unequal length.
    public static MatrixTheoryData<TestDevice, int, int> LargeCases => new(Devices.Fast, [1024, 2500], [7, 1024]);

    [Theory, MemberData(nameof(Cases)), MemberData(nameof(LargeCases))]
    public void It_matches_the_reference(TestDevice kind, int rows, int columns)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[] x = Data.Normal(1, rows * columns);
        Tensor y = arena.Rent(new(1, 2));
        y.Upload([7f, 8f]);
        SquaredNorm.Update(device, arena.Upload(x, new(rows, columns)), y.Slice(0, 1));
        y.ShouldBe([SquaredNormReference.Update(x), 8], 3e-6, 1e-6);
    }

    [Fact]
    public void The_bits_do_not_depend_on_the_number_of_threads()
    {
        float[] sums = [.. new[] { 1, 2, 3, 7 }.Select(threads =>
        {
            using Device device = Device.Open("cpu", new() { Threads = threads });
            using Arena arena = new(device);
            Tensor y = arena.Rent(new(1, 1));
            SquaredNorm.Update(device, arena.Upload(Data.Normal(1, 1500 * 64), new(1500, 64)), y);
            return y.ToArray()[0];
        })];
        Assert.Single(sums.Distinct());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void What_is_not_finite_carries_over(float value)
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[] x = Data.Normal(1, 3000);
        x[2222] = value;
        Tensor y = arena.Rent(new(1, 1));
        SquaredNorm.Update(device, arena.Upload(x, new(100, 30)), y);
        Assert.False(float.IsFinite(y.ToArray()[0]));
    }
}
