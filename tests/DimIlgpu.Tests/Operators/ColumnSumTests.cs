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

    public static TheoryData<TestDevice> AllDevices => [.. Devices.All];

    // More parts than are added up at once, of unequal length.
    [Theory, MemberData(nameof(AllDevices))]
    public void A_long_column_is_added_up_in_two_steps(TestDevice kind)
    {
        const int rows = 2201, columns = 4;
        using DeviceLease lease = Devices.Open(kind);
        using Arena arena = new(lease.Device);
        double[] x = Data.Random(1, 2 * rows * columns);
        Tensor y = arena.Upload([1, 2, 3, 4, 5, 6, 7, 8], new(2, columns));
        ColumnSum.Forward(lease.Device, arena.Upload(x, new(2 * rows, columns)), new(y, Add: true));
        y.ShouldBe([.. ColumnSumReference.Forward(x, 2, columns).Select((sum, i) => sum + i + 1)], 2e-5, 2e-5);
    }

    public static TheoryData<TestDevice> FastDevices => [.. Devices.Fast];

    // So many sums that each thread of a GPU has one; the number of parts is no multiple of what is read at once.
    [Theory, MemberData(nameof(FastDevices))]
    public void Many_narrow_sums_are_added_up(TestDevice kind)
    {
        const int groups = 8300, parts = 20, columns = 32;
        using DeviceLease lease = Devices.Open(kind);
        using Arena arena = new(lease.Device);
        double[] x = Data.Random(1, groups * parts * columns), before = Data.Random(2, groups * columns);
        Tensor y = arena.Upload(before, new(groups, columns));
        ColumnSum.Fold(lease.Device, arena.Upload(x, new(groups * parts, columns)), parts, new(y, Add: true));
        y.ShouldBe([.. ColumnSumReference.Forward(x, groups, columns).Zip(before, (a, b) => a + b)], 2e-5, 2e-5);
    }
}
