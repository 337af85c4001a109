using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class LayerNormTests
{
    // Tokens per sample: one; parts of one row; several parts of unequal length.
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.Fast, [1, 5, 37], [1, 2, 24, 70]);

    public static MatrixTheoryData<TestDevice, int, int> Tiny => new([TestDevice.Simt], [3], [2, 20]);

    // More columns than a group has threads.
    public static MatrixTheoryData<TestDevice, int, int> Wide => new(Devices.All, [1], [600]);

    // As many columns as a GPU's registers hold of a row; rows that are no multiple of what runs together.
    public static MatrixTheoryData<TestDevice, int, int> Widest => new(Devices.Fast, [5], [1152]);

    public static TheoryData<TestDevice> AllDevices => [.. Devices.All];

    [Theory, MemberData(nameof(Cases)), MemberData(nameof(Tiny)), MemberData(nameof(Wide)), MemberData(nameof(Widest))]
    public void Modulated_matches_the_reference(TestDevice kind, int tokens, int columns) => OperatorTest.Run(
        kind,
        [
            (Data.Normal(1, 2 * tokens * columns), new Shape(2 * tokens, columns)),
            (Data.Normal(2, 2 * 3 * columns), new Shape(2, 3 * columns)),
        ],
        (tape, x) => tape.LayerNorm(x[0], x[1].Columns(0, columns), x[1].Columns(columns, columns)),
        x => Modulated(x, columns),
        adjoint: (x, dh) => ModulatedAdjoint(x, dh, columns));

    [Theory, MemberData(nameof(Cases)), MemberData(nameof(Tiny)), MemberData(nameof(Wide)), MemberData(nameof(Widest))]
    public void Plain_matches_the_reference(TestDevice kind, int tokens, int columns) => OperatorTest.Run(
        kind,
        [(Data.Normal(1, tokens * 2 * columns), new Shape(tokens, 2 * columns))],
        (tape, x) => tape.Sum(tape.LayerNorm(x[0].Columns(0, columns)), tape.LayerNorm(x[0].Columns(columns, columns))),
        x => [.. Plain(x[0], 0, columns).Zip(Plain(x[0], 1, columns), (a, b) => a + b)],
        adjoint: (x, dh) =>
        {
            double[] first = LayerNormReference.Adjoint(Part(x[0], 0, columns), dh, columns);
            double[] second = LayerNormReference.Adjoint(Part(x[0], 1, columns), dh, columns);
            return [[.. first.Chunk(columns).Zip(second.Chunk(columns), (a, b) => a.Concat(b)).SelectMany(r => r)]];
        });

    public static TheoryData<TestDevice, int, int> Mixtures => [..
        from kind in Devices.Gpus
        from tokens in kind == TestDevice.Simt ? [3] : new[] { 5, 37 }
        from columns in kind == TestDevice.Simt ? [20] : new[] { 24, 500, 1152 }
        select (kind, tokens, columns)];

    // What a network in bfloat16 does: the residual stream and its modulation stay float32.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(Mixtures))]
    public void A_float32_stream_with_a_bfloat16_branch_takes_the_kernels_of_GPUs(TestDevice kind, int tokens, int columns)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(2 * tokens, columns), samples = new(2, columns);
        int count = (int)shape.Length;
        double[] x = Data.Normal(1, count), shift = Data.Normal(2, 2 * columns), scale = Data.Normal(3, 2 * columns);
        double[] dh = [.. Data.Random(4, count).Select(Data.RoundToBFloat16)], before = Data.Random(5, count);
        Tensor xs = arena.Upload(x, shape), scales = arena.Upload(scale, samples), dx = arena.Upload(before, shape);
        Tensor h = arena.Rent(shape, type: ElementType.BFloat16), statistics = arena.Rent(new(shape.Rows, 2));
        Tensor dshift = arena.Rent(samples), dscale = arena.Rent(samples);
        List<string> launched = [];
        device.Launching = kernel => launched.Add(kernel.Name.Split('`')[0]);
        LayerNorm.Forward(device, xs, arena.Upload(shift, samples), scales, h, statistics);
        LayerNorm.Backward(
            device, xs, scales, statistics, arena.Upload(dh, shape, ElementType.BFloat16), new(dx, Add: true),
            new(dshift, Add: false), new(dscale, Add: false));
        device.Launching = null;
        Assert.Equal(["LayerNormForwardTeams", "LayerNormBackwardGroups", "LayerNormFold"], launched);
        h.ShouldBe(LayerNormReference.Forward(x, shift, scale, columns), 4e-3, 1e-5, "h");
        double[][] gradients = LayerNormReference.Adjoint(x, scale, dh, columns);
        dx.ShouldBe([.. gradients[0].Zip(before, (a, b) => a + b)], 1e-4, 1e-4, "dx");
        dshift.ShouldBe(gradients[1], 1e-4, 1e-4, "dshift");
        dscale.ShouldBe(gradients[2], 1e-4, 1e-4, "dscale");
    }

    [Fact]
    public void The_references_adjoint_matches_central_differences()
    {
        Gradient.ShouldMatch(
            x => LayerNormReference.Forward(x[0], 5),
            (x, dh) => [LayerNormReference.Adjoint(x[0], dh, 5)],
            [Data.Normal(1, 15)]);
        Gradient.ShouldMatch(
            x => Modulated(x, 5), (x, dh) => ModulatedAdjoint(x, dh, 5), [Data.Normal(1, 40), Data.Normal(2, 30)]);
    }

    [Theory, MemberData(nameof(AllDevices))]
    public void A_large_mean_does_not_cost_the_variance(TestDevice kind)
    {
        const int rows = 2, columns = 200;
        double[] x = [.. Data.Normal(1, rows * columns).Select(v => (double)(float)(10000 + v))];
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor h = arena.Rent(new(rows, columns)), statistics = arena.Rent(new(rows, 2));
        LayerNorm.Forward(device, arena.Upload(x, h.Shape), h, statistics);
        h.ShouldBe(LayerNormReference.Forward(x, columns), 1e-5, 2e-3);
        double[][] row = [.. x.Chunk(columns)];
        float[] got = statistics.ToArray();
        for (int r = 0; r < rows; r++)
        {
            double mean = row[r].Average(), variance = row[r].Average(v => (v - mean) * (v - mean));
            Assert.Equal(mean, got[2 * r], 2e-3);
            Assert.Equal(1 / Math.Sqrt(variance + 1e-6), got[(2 * r) + 1], 1e-5);
        }
    }

    [Theory, MemberData(nameof(AllDevices))]
    public void An_outlying_first_column_does_not_cost_the_variance(TestDevice kind)
    {
        const int columns = 200;
        double[] x = Data.Normal(1, columns);
        x[0] = 1e5;
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor h = arena.Rent(new(1, columns)), statistics = arena.Rent(new(1, 2));
        LayerNorm.Forward(device, arena.Upload(x, h.Shape), h, statistics);
        h.ShouldBe(LayerNormReference.Forward(x, columns), 5e-5, 1e-6);
    }

    [Theory, MemberData(nameof(AllDevices))]
    public void A_constant_row_normalises_to_its_shift(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(1, 48);
        double[] shift = Data.Random(1, 48);
        Tensor h = arena.Rent(shape);
        LayerNorm.Forward(
            device, arena.Upload([.. Enumerable.Repeat(3e7, 48)], shape), arena.Upload(shift, shape),
            arena.Upload(Data.Random(2, 48), shape), h, arena.Rent(new(1, 2)));
        Assert.Equal(shift.Select(v => (float)v), h.ToArray());
    }

    [Fact]
    public void Samples_that_do_not_divide_the_rows_are_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor x = arena.Rent(new(5, 4)), m = arena.Rent(new(2, 4));
        Assert.Equal(
            "x",
            Assert.Throws<ArgumentException>(() => LayerNorm.Forward(device, x, m, m, x, arena.Rent(new(5, 2)))).ParamName);
    }

    private static double[] Part(double[] x, int part, int columns) => [.. x.Where((_, i) => i / columns % 2 == part)];

    private static double[] Plain(double[] x, int part, int columns) =>
        LayerNormReference.Forward(Part(x, part, columns), columns);

    private static double[] Chunk(double[] modulation, int part, int columns) =>
        [.. modulation.Where((_, i) => i / columns % 3 == part)];

    private static double[] Modulated(double[][] x, int columns) =>
        LayerNormReference.Forward(x[0], Chunk(x[1], 0, columns), Chunk(x[1], 1, columns), columns);

    private static double[][] ModulatedAdjoint(double[][] x, double[] dh, int columns)
    {
        double[][] d = LayerNormReference.Adjoint(x[0], Chunk(x[1], 1, columns), dh, columns);
        double[] modulation = new double[x[1].Length];
        for (int i = 0; i < modulation.Length; i++)
        {
            int part = i / columns % 3;
            modulation[i] = part == 2 ? 0 : d[part + 1][(i / columns / 3 * columns) + (i % columns)];
        }

        return [d[0], modulation];
    }
}
