using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class ColumnSumTests
{
    // One row; fewer rows than a part; several parts of unequal length; more rows than parts can be even.
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 7, 100], [1, 24, 33]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int rows, int columns) => OperatorTest.Run(
        kind,
        [(Data.Random(1, 2 * rows * columns), new Shape(2 * rows, columns))],
        (tape, x) => tape.ColumnSum(x[0], groups: 2),
        x => ColumnSumReference.Forward(x[0], 2, columns));
}
