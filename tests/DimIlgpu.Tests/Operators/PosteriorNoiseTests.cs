using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class PosteriorNoiseTests
{
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 3], [1, 24, 33]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_matches_the_reference(TestDevice kind, int coefficientRows, int columns)
    {
        const int Rows = 3;
        Shape shape = new(Rows, columns);
        double[] mean = Data.Random(1, Rows * columns), variance = Data.Random(2, Rows * columns);
        double[] noise = Data.Normal(3, Rows * columns);
        double[] k = [.. new[] { -3, -2.5, 1, -8, -1, 1, -3, -2, 0 }.Take(3 * coefficientRows)];
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Tape tape = new(device);
        using Arena arena = new(device);
        tape.PosteriorNoise(
            arena.Upload(mean, shape), arena.Upload(variance, shape), arena.Upload(noise, shape),
            arena.Upload(k, new(coefficientRows, PosteriorNoise.Width))).Value
            .ShouldBe(PosteriorNoiseReference.Forward(mean, variance, noise, k, columns), 5e-6, 5e-6);
    }

    [Fact]
    public void A_wrong_noise_is_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu1);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor x = arena.Rent(new(2, 3)), noise = arena.Rent(new(2, 4)), k = arena.Rent(new(1, 3));
        Assert.Equal("noise", Assert.Throws<ArgumentException>(
            () => PosteriorNoise.Forward(device, x, x, noise, k, x)).ParamName);
    }
}
