using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class MixTests
{
    public static MatrixTheoryData<TestDevice, int, int, double> Cases => new(Devices.All, [1, 4], [1, 24, 33], [0, 0.5]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int inputs, int columns, double clip)
    {
        const int Rows = 3;
        double[] k = Coefficients(Rows, clip);
        OperatorTest.Run(
            kind,
            [.. Enumerable.Range(0, inputs).Select(i => (Data.Random(i, Rows * columns), new Shape(Rows, columns)))],
            (tape, x) => tape.Mix(x, Upload(tape, k)),
            x => MixReference.Forward(x, k, columns));
    }

    public static MatrixTheoryData<TestDevice, int> Counts => new(Devices.All, [2, 3]);

    [Theory, MemberData(nameof(Counts))]
    public void One_row_of_coefficients_serves_all_rows(TestDevice kind, int inputs)
    {
        double[] k = Coefficients(1, 0.5);
        OperatorTest.Run(
            kind,
            [.. Enumerable.Range(0, inputs).Select(i => (Data.Random(i, 48), new Shape(3, 16)))],
            (tape, x) => tape.Mix(x, Upload(tape, k)),
            x => MixReference.Forward(x, k, 16));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void No_or_too_many_inputs_are_named(int inputs)
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu1);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor y = arena.Rent(new(1, 4)), k = arena.Rent(new(1, Mix.Width));
        Assert.Equal("x", Assert.Throws<ArgumentException>(
            () => Mix.Forward(device, [.. Enumerable.Repeat(y, inputs)], k, y)).ParamName);
    }

    // A clamp in some rows only.
    private static double[] Coefficients(int rows, double clip)
    {
        double[] k = Data.Random(77, rows * Mix.Width);
        for (int row = 0; row < rows; row++)
        {
            k[(row * Mix.Width) + 4] = row == 1 ? 0 : clip;
        }

        return k;
    }

    private static Tensor Upload(Tape tape, double[] k)
    {
        Tensor tensor = tape.Rent(new(k.Length / Mix.Width, Mix.Width));
        tensor.Upload([.. k.Select(v => (float)v)]);
        return tensor;
    }
}
