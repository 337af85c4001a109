using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SumTests
{
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 3], [1, 24, 70]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int rows, int columns)
    {
        Shape shape = new(rows, columns);
        OperatorTest.Run(
            kind,
            [(Data.Random(1, rows * columns), shape), (Data.Random(2, rows * columns), shape)],
            (tape, x) => tape.Sum(x[0], x[1]),
            x => SumReference.Forward(x[0], x[1]));
    }

    [Fact]
    public void A_variable_used_twice_receives_both_gradients()
    {
        OperatorTest.Run(
            TestDevice.Cpu16,
            [(Data.Random(1, 12), new Shape(3, 4))],
            (tape, x) => tape.Sum(tape.Sum(x[0], x[0]), x[0]),
            x => [.. x[0].Select(v => 3 * v)]);
    }

    [Fact]
    public void A_wrong_shape_is_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor a = arena.Rent(new(2, 3)), b = arena.Rent(new(3, 2));
        Assert.Equal("b", Assert.Throws<ArgumentException>(() => Sum.Forward(device, a, b, a)).ParamName);
    }
}
