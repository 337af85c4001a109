using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class AddTableTests
{
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 3], [1, 24, 70]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int tokens, int columns) => OperatorTest.Run(
        kind,
        [(Data.Random(1, 4 * tokens * columns), new Shape(4 * tokens, columns)), (Data.Random(2, tokens * columns), new Shape(tokens, columns))],
        (tape, x) => tape.AddTable(x[0], x[1]),
        x => AddTableReference.Forward(x[0], x[1]));

    [Fact]
    public void A_column_view_and_a_table_used_twice_receive_every_gradient() => OperatorTest.Run(
        TestDevice.Cpu16,
        [(Data.Random(1, 6 * 5), new Shape(6, 5)), (Data.Random(2, 3 * 4), new Shape(3, 4))],
        (tape, x) => tape.AddTable(tape.AddTable(x[0].Columns(1, 4), x[1]), x[1]),
        x => AddTableReference.Forward(
            [.. x[0].Where((_, i) => i % 5 != 0)], [.. x[1].Select(v => 2 * v)]));

    [Fact]
    public void In_place_is_taken_up_only_where_nothing_is_recorded()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Tape inference = new(device, recording: false), training = new(device);
        using Arena arena = new(device);
        Tensor x = arena.Upload([1, 2], new(2, 1)), table = arena.Upload([10], new(1, 1));
        training.AddTable(training.Leaf(x), Tape.Constant(table), inPlace: true).Value.ShouldBe([11, 12], 0, 0.1);
        x.ShouldBe([1, 2], 0, 0.1);
        inference.AddTable(Tape.Constant(x), Tape.Constant(table)).Value.ShouldBe([11, 12], 0, 0.1);
        x.ShouldBe([1, 2], 0, 0.1);
        inference.AddTable(Tape.Constant(x), Tape.Constant(table), inPlace: true);
        x.ShouldBe([11, 12], 0, 0.1);
    }

    [Fact]
    public void Wrong_shapes_are_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor x = arena.Rent(new(4, 2));
        Assert.Equal("x", Assert.Throws<ArgumentException>(() => AddTable.Forward(device, x, arena.Rent(new(3, 2)), x)).ParamName);
        Assert.Equal("table", Assert.Throws<ArgumentException>(() => AddTable.Forward(device, x, arena.Rent(new(2, 3)), x)).ParamName);
    }
}
