using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class EmbeddingTests
{
    // A single class; labels that repeat and classes that none has; columns of every lane width and of none.
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 4], [1, 20, 33, 64]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int classes, int columns)
    {
        int[] labels = [.. new[] { 3, 0, 3, 1, 3, 0 }.Select(k => k % classes)];
        OperatorTest.Run(
            kind,
            [(Data.Random(1, classes * columns), new Shape(classes, columns))],
            (tape, x) => tape.Embedding(x[0], Upload(tape, labels)),
            x => EmbeddingReference.Forward(x[0], labels, columns));
    }

    [Theory, MemberData(nameof(Cases))]
    public void A_table_used_twice_receives_both_gradients(TestDevice kind, int classes, int columns)
    {
        int[] first = [classes - 1, 0], second = [0, 0];
        OperatorTest.Run(
            kind,
            [(Data.Random(1, classes * columns), new Shape(classes, columns))],
            (tape, x) => tape.Sum(tape.Embedding(x[0], Upload(tape, first)), tape.Embedding(x[0], Upload(tape, second))),
            x => SumReference.Forward(
                EmbeddingReference.Forward(x[0], first, columns), EmbeddingReference.Forward(x[0], second, columns)));
    }

    [Fact]
    public void Wrong_shapes_are_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor table = arena.Rent(new(3, 4)), labels = arena.Rent(new(2, 1)), y = arena.Rent(new(2, 5));
        Assert.Equal("y", Assert.Throws<ArgumentException>(() => Embedding.Forward(device, table, labels, y)).ParamName);
        Assert.Equal("labels", Assert.Throws<ArgumentException>(() => Embedding.Forward(device, table, table, y)).ParamName);
        Assert.Equal("dy", Assert.Throws<ArgumentException>(() => Embedding.Backward(device, labels, y, new(table, false))).ParamName);
    }

    private static Tensor Upload(Tape tape, int[] labels)
    {
        Tensor tensor = tape.Rent(new(labels.Length, 1));
        tensor.Upload(labels);
        return tensor;
    }
}
