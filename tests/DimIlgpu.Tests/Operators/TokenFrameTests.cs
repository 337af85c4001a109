using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class TokenFrameTests
{
    public static MatrixTheoryData<TestDevice, int, int, int> Cases => new(Devices.All, [1, 5], [1, 2], [1, 24]);

    [Theory, MemberData(nameof(Cases))]
    public void Join_and_its_gradients_match_the_reference(TestDevice kind, int tokens, int count, int columns) => OperatorTest.Run(
        kind,
        [
            (Data.Random(1, 3 * tokens * columns), new Shape(3 * tokens, columns)),
            (Data.Random(2, 3 * count * columns), new Shape(3 * count, columns)),
        ],
        (tape, x) => tape.JoinTokens(x[0], x[1], count),
        x => TokenFrameReference.Join(x[0], x[1], batch: 3));

    [Theory, MemberData(nameof(Cases))]
    public void Drop_and_its_gradient_match_the_reference(TestDevice kind, int tokens, int count, int columns)
    {
        int rows = 3 * (tokens + (2 * count));
        OperatorTest.Run(
            kind,
            [(Data.Random(1, rows * columns), new Shape(rows, columns))],
            (tape, x) => tape.DropTokens(x[0], tokens, count),
            x => TokenFrameReference.Drop(x[0], batch: 3, count, columns));
    }

    [Theory, MemberData(nameof(Cases))]
    public void Gradients_add_where_another_contribution_came_first(TestDevice kind, int tokens, int count, int columns) => OperatorTest.Run(
        kind,
        [
            (Data.Random(1, 2 * tokens * columns), new Shape(2 * tokens, columns)),
            (Data.Random(2, 2 * count * columns), new Shape(2 * count, columns)),
        ],
        (tape, x) =>
        {
            Variable joined = tape.Sum(tape.JoinTokens(x[0], x[1], count), tape.JoinTokens(x[0], x[1], count));
            return tape.Sum(tape.DropTokens(joined, tokens, count), tape.DropTokens(joined, tokens, count));
        },
        x => [.. x[0].Select(v => 4 * v)]);

    [Fact]
    public void Wrong_shapes_are_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Tape tape = new(device);
        Variable x = tape.Leaf(tape.Rent(new(6, 4)));
        Assert.Equal("x", Assert.Throws<ArgumentException>(() => tape.DropTokens(x, tokens: 3, count: 1)).ParamName);
        Assert.Equal("condition", Assert.Throws<ArgumentException>(
            () => tape.JoinTokens(x, tape.Leaf(tape.Rent(new(3, 4))), count: 2)).ParamName);
        Assert.Equal("x", Assert.Throws<ArgumentException>(
            () => tape.JoinTokens(x, tape.Leaf(tape.Rent(new(4, 4))), count: 1)).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => tape.JoinTokens(x, x, count: 0));
    }
}
