using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class GatedResidualTests
{
    // One token; fewer than a part; parts of unequal length, none a multiple of the rows taken together.
    // 64 columns are four registers of each width on the CPU.
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.Fast, [1, 5, 37], [1, 24, 33, 64]);

    public static MatrixTheoryData<TestDevice, int, int> Tiny => new([TestDevice.Simt], [5], [20]);

    // More columns than a group has threads.
    public static MatrixTheoryData<TestDevice, int, int> Wide => new(Devices.All, [1], [300]);

    public static TheoryData<TestDevice> AllDevices => [.. Devices.All];

    [Theory, MemberData(nameof(Cases)), MemberData(nameof(Tiny)), MemberData(nameof(Wide))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int tokens, int columns)
    {
        Shape shape = new(2 * tokens, columns);
        OperatorTest.Run(
            kind,
            [
                (Data.Normal(1, (int)shape.Length), shape),
                (Data.Normal(2, 2 * 3 * columns), new Shape(2, 3 * columns)),
                (Data.Normal(3, (int)shape.Length), shape),
            ],
            (tape, x) => tape.GatedResidual(x[0], x[1].Columns(2 * columns, columns), x[2]),
            x => GatedResidualReference.Forward(x[0], Gate(x[1], columns), x[2], columns));
    }

    [Theory, MemberData(nameof(AllDevices))]
    public void Views_and_a_second_use_are_honoured(TestDevice kind)
    {
        const int columns = 20;
        OperatorTest.Run(
            kind,
            [(Data.Normal(1, 6 * 2 * columns), new Shape(6, 2 * columns)), (Data.Normal(2, columns), new Shape(1, columns))],
            (tape, x) => tape.GatedResidual(
                tape.GatedResidual(x[0].Columns(0, columns), x[1], x[0].Columns(columns, columns)),
                x[1], x[0].Columns(columns, columns)),
            x => [.. Enumerable.Range(0, 6 * columns).Select(i =>
                x[0][(i / columns * 2 * columns) + (i % columns)] +
                (2 * x[1][i % columns] * x[0][(i / columns * 2 * columns) + columns + (i % columns)]))]);
    }

    [Theory, MemberData(nameof(AllDevices))]
    public void Without_recording_the_residual_stream_itself_is_updated(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        using Tape tape = new(device, recording: false);
        Shape shape = new(4, 24);
        double[] x = Data.Normal(1, 96), gate = Data.Normal(2, 48), o = Data.Normal(3, 96);
        Tensor stream = arena.Upload(x, shape);
        Variable y = tape.GatedResidual(
            Tape.Constant(stream), Tape.Constant(arena.Upload(gate, new(2, 24))), Tape.Constant(arena.Upload(o, shape)));
        Assert.Equal(stream, y.Value);
        stream.ShouldBe(GatedResidualReference.Forward(x, gate, o, 24), 1e-6, 1e-6);
    }

    public static TheoryData<TestDevice, int> Mixtures =>
        [.. from kind in Devices.Gpus from tokens in new[] { 1, 5, 39 } select (kind, tokens)];

    // What a network in bfloat16 does: the residual stream and its gate stay float32.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(Mixtures))]
    public void A_float32_stream_with_a_bfloat16_branch_takes_the_kernels_of_GPUs(TestDevice kind, int tokens)
    {
        const int columns = 20;
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(2 * tokens, columns), samples = new(2, columns);
        int count = (int)shape.Length;
        double[] x = Data.Normal(1, count), gate = Data.Normal(2, 2 * columns), dy = Data.Normal(3, count);
        double[] o = [.. Data.Normal(4, count).Select(Data.RoundToBFloat16)], before = Data.Random(5, count);
        double[] gates = [.. x.Select((_, i) => gate[(i / columns / tokens * columns) + (i % columns)])];
        Tensor os = arena.Upload(o, shape, ElementType.BFloat16), gateTensor = arena.Upload(gate, samples), y = arena.Rent(shape);
        Tensor dx = arena.Upload(before, shape), dgate = arena.Rent(samples), branch = arena.Rent(shape, type: ElementType.BFloat16);
        List<string> launched = [];
        device.Launching = kernel => launched.Add(kernel.Name.Split('`')[0]);
        GatedResidual.Forward(device, arena.Upload(x, shape), gateTensor, os, y);
        GatedResidual.Backward(
            device, gateTensor, os, arena.Upload(dy, shape), new(dx, Add: true), new(dgate, Add: false), new(branch, Add: false));
        device.Launching = null;
        string[] fold = tokens > 32 ? ["ColumnSumFold"] : [];
        Assert.Equal(["GatedResidualForwardGroups", "GatedResidualBackwardGroups", .. fold], launched);
        y.ShouldBe(GatedResidualReference.Forward(x, gate, o, columns), 1e-6, 1e-6, "y");
        dx.ShouldBe([.. dy.Zip(before, (a, b) => a + b)], 1e-6, 1e-6, "dx");
        branch.ShouldBe([.. dy.Zip(gates, (a, b) => a * b)], 4e-3, 1e-6, "do");
        double[] sums = new double[2 * columns];
        for (int i = 0; i < count; i++)
        {
            sums[(i / columns / tokens * columns) + (i % columns)] += dy[i] * o[i];
        }

        dgate.ShouldBe(sums, 1e-5, 1e-5, "dgate");
    }

    [Fact]
    public void A_checkpointed_block_keeps_its_input()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(4, 24);
        double[] values = Data.Normal(1, 96), gates = Data.Normal(2, 48);
        (float[] Y, float[] Dx, float[] Dgate)[] results = [.. new[] { false, true }.Select(checkpoint =>
        {
            using Tape tape = new(device);
            Variable x = tape.Leaf(arena.Upload(values, shape)), gate = tape.Leaf(arena.Upload(gates, new(2, 24)));
            Variable y = checkpoint ? tape.Checkpoint(Block, x, gate) : Block(tape, x, gate);
            tape.Backward(y, arena.Upload(Data.Random(3, 96), shape));
            return (y.Value.ToArray(), x.GradientValue!.Value.ToArray(), gate.GradientValue!.Value.ToArray());
        })];
        Assert.Equal(results[0].Y, results[1].Y);
        Assert.Equal(results[0].Dx, results[1].Dx);
        Assert.Equal(results[0].Dgate, results[1].Dgate);

        static Variable Block(Tape tape, Variable x, Variable gate) => tape.GatedResidual(x, gate, tape.Silu(x));
    }

    private static double[] Gate(double[] modulation, int columns) =>
        [.. modulation.Where((_, i) => i / columns % 3 == 2)];
}
