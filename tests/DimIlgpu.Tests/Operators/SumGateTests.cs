using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SumGateTests
{
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 3], [1, 24, 70]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int rows, int columns) => OperatorTest.Run(
        kind,
        [
            (Data.Normal(1, 2 * rows * columns), new Shape(2 * rows, columns)),
            (Data.Normal(2, rows * 2 * columns), new Shape(rows, 2 * columns)),
        ],
        (tape, x) => tape.SumGate(x[0], x[1].Columns(columns, columns), divide: false),
        x => SumGateReference.Forward(x[0], Right(x[1], columns), divide: false));

    [Theory, MemberData(nameof(Cases))]
    public void Halving_and_a_second_use_are_honoured(TestDevice kind, int rows, int columns) => OperatorTest.Run(
        kind,
        [
            (Data.Normal(1, 2 * rows * 2 * columns), new Shape(2 * rows, 2 * columns)),
            (Data.Normal(2, rows * columns), new Shape(rows, columns)),
        ],
        (tape, x) => tape.SumGate(
            x[0].Columns(columns, columns), tape.SumGate(x[0].Columns(columns, columns), x[1], divide: true), divide: true),
        x => SumGateReference.Forward(
            Right(x[0], columns), SumGateReference.Forward(Right(x[0], columns), x[1], divide: true), divide: true));

    private static double[] Right(double[] x, int columns) => [.. x.Where((_, i) => i / columns % 2 == 1)];
}
