using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SoftplusTests
{
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 3], [1, 24, 35]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int rows, int columns) => OperatorTest.Run(
        kind,
        [
            ([.. Data.Random(1, 2 * rows * columns).Select(v => (double)(float)(8 * v))], new Shape(2 * rows, columns)),
            (Data.Random(2, 2 * columns), new Shape(2, columns)),
        ],
        (tape, x) => tape.Softplus(x[0], x[1]),
        x => SoftplusReference.Forward(x[0], x[1], 2, columns));

    // Δ lives near 1e-3; above 20 softplus is the identity; far below zero e^x remains.
    [Theory, MemberData(nameof(FastDevices))]
    public void Small_and_large_values_keep_their_relative_accuracy(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[] x = [-80, -40, -20, -15, -10, -6.9, -1, 0, 1, 19.9, 20.1, 30, 80, 1000, -7, 0.5];
        Tensor t = arena.Upload(x, new(1, x.Length));
        Softplus.Forward(device, t, arena.Rent(t.Shape, clear: true), t);
        t.ShouldBe(SoftplusReference.Forward(x, new double[x.Length], 1, x.Length), 5e-6, 1e-37);
    }

    public static TheoryData<TestDevice> FastDevices => [.. Devices.Fast];
}
