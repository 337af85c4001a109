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

    public static TheoryData<TestDevice> FastDevices => [.. Devices.Fast];

    public static MatrixTheoryData<TestDevice, int> ManyRows => new(Devices.Fast, [12, 64]);

    // Several parts of the bias's gradient, of unequal length; 64 columns are four registers of each width on the CPU.
    [Theory, MemberData(nameof(ManyRows))]
    public void The_gradient_of_many_rows_matches_the_reference(TestDevice kind, int columns)
    {
        const int rows = 131;
        using DeviceLease lease = Devices.Open(kind);
        using Arena arena = new(lease.Device);
        double[] y = [.. Data.Random(1, 2 * rows * columns).Select(v => (double)(float)(3 * (v + 1)))], dy = Data.Random(2, y.Length);
        double[] dx = [.. y.Zip(dy, (a, b) => b * (1 - Math.Exp(-a)))];
        Tensor x = arena.Rent(new(2 * rows, columns)), bias = arena.Rent(new(2, columns), clear: true);
        Softplus.Backward(lease.Device, arena.Upload(y, x.Shape), arena.Upload(dy, x.Shape), new(x, Add: false), new(bias, Add: true));
        x.ShouldBe(dx, 1e-5, 1e-6, "dx");
        bias.ShouldBe(ColumnSumReference.Forward(dx, 2, columns), 1e-5, 1e-5, "db");
    }

    public static TheoryData<TestDevice> GpuDevices => [.. Devices.Gpus];

    // As in a bfloat16 network; a GPU's threads have rows of both groups.
    [Theory, MemberData(nameof(GpuDevices))]
    public void A_bias_in_float32_serves_bfloat16(TestDevice kind)
    {
        const int rows = 7, columns = 12;
        using DeviceLease lease = Devices.Open(kind);
        using Arena arena = new(lease.Device);
        double[] x = [.. Data.Random(1, 2 * rows * columns).Select(v => Data.RoundToBFloat16(8 * v))], bias = Data.Random(2, 2 * columns);
        Tensor y = arena.Upload(x, new(2 * rows, columns), ElementType.BFloat16);
        Softplus.Forward(lease.Device, y, arena.Upload(bias, new(2, columns)), y);
        y.ShouldBe(SoftplusReference.Forward(x, bias, 2, columns), 4e-3, 1e-6);
    }

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
}
