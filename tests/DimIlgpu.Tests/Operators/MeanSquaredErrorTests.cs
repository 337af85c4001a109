using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class MeanSquaredErrorTests
{
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 3], [1, 24, 33, 515]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int rows, int columns)
    {
        double[] target = Data.Random(2, rows * columns);
        OperatorTest.Run(
            kind,
            [(Data.Random(1, rows * columns), new Shape(rows, columns))],
            (tape, x) =>
            {
                Tensor t = tape.Rent(new(rows, columns));
                t.Upload([.. target.Select(v => (float)v)]);
                return tape.MeanSquaredError(x[0], t);
            },
            x => MeanSquaredErrorReference.Forward(x[0], target, columns));
    }

    public static MatrixTheoryData<TestDevice, int> LongCases => new(Devices.Fast, [4100, 20004]);

    // Rows that a GPU's group walks down, and rows that several of them share.
    [Theory, MemberData(nameof(LongCases))]
    public void Long_rows_match_the_reference(TestDevice kind, int columns)
    {
        using DeviceLease lease = Devices.Open(kind);
        using Arena arena = new(lease.Device);
        Shape shape = new(3, columns);
        double[] x = Data.Random(1, 3 * columns), target = Data.Random(2, 3 * columns);
        Tensor loss = arena.Rent(new(3, 1));
        MeanSquaredError.Forward(lease.Device, arena.Upload(x, shape), arena.Upload(target, shape), loss);
        loss.ShouldBe(MeanSquaredErrorReference.Forward(x, target, columns), 1e-5, 1e-5);
    }

    [Fact]
    public void A_wrong_target_is_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu1);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor x = arena.Rent(new(2, 3)), target = arena.Rent(new(2, 4)), loss = arena.Rent(new(2, 1));
        Assert.Equal("target", Assert.Throws<ArgumentException>(
            () => MeanSquaredError.Forward(device, x, target, loss)).ParamName);
    }
}
