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

    // Both results are used, then either alone.
    [Theory, MemberData(nameof(Cases)), MemberData(nameof(Tiny)), MemberData(nameof(Wide)), MemberData(nameof(Widest))]
    public void Behind_a_gated_branch_it_matches_the_reference(TestDevice kind, int tokens, int columns)
    {
        Shape shape = new(2 * tokens, columns);
        Check((y, h) => h, 0, 1);
        Check((y, h) => y, 1, 0);
        Check((y, h) => null, 1, 1);

        void Check(Func<Variable, Variable, Variable?> only, double ofY, double ofH) => OperatorTest.Run(
            kind,
            [
                (Data.Normal(1, (int)shape.Length), shape),
                (Data.Normal(2, 2 * 3 * columns), new Shape(2, 3 * columns)),
                (Data.Normal(3, (int)shape.Length), shape),
            ],
            (tape, x) =>
            {
                (Variable y, Variable h) = tape.LayerNorm(
                    x[0], x[1].Columns(2 * columns, columns), x[2], x[1].Columns(0, columns), x[1].Columns(columns, columns),
                    spent: Tape.Constant(x[2].Value));
                return only(y, h) ?? tape.Sum(y, h);
            },
            x => Gated(x, columns, ofY, ofH),
            adjoint: (x, d) => GatedAdjoint(x, d, columns, ofY, ofH));
    }

    [Theory, MemberData(nameof(AllDevices))]
    public void Without_recording_the_stream_and_the_norm_before_are_updated(TestDevice kind)
    {
        const int columns = 24;
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        using Tape tape = new(device, recording: false);
        Shape shape = new(6, columns), samples = new(2, columns);
        double[] x = Data.Normal(1, 144), o = Data.Normal(2, 144), gate = Data.Normal(3, 48), shift = Data.Normal(4, 48), scale = Data.Normal(5, 48);
        Tensor stream = arena.Upload(x, shape), before = arena.Rent(shape);
        Variable[] m = [.. new[] { gate, shift, scale }.Select(v => Tape.Constant(arena.Upload(v, samples)))];
        (Variable y, Variable h) = tape.LayerNorm(
            Tape.Constant(stream), m[0], Tape.Constant(arena.Upload(o, shape)), m[1], m[2], spent: Tape.Constant(before));
        Assert.Equal(stream, y.Value);
        Assert.Equal(before, h.Value);
        double[] sum = GatedResidualReference.Forward(x, gate, o, columns);
        stream.ShouldBe(sum, 1e-6, 1e-6);
        before.ShouldBe(LayerNormReference.Forward(sum, shift, scale, columns), 2e-5, 2e-5);
    }

    // The same arithmetic, so that a network computes the same with its blocks checkpointed, which end in a sum.
    [Theory, MemberData(nameof(AllDevices))]
    public void In_one_pass_or_two_the_bits_are_the_same(TestDevice kind)
    {
        const int columns = 36;
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(6, columns), samples = new(2, columns);
        Tensor[] t = [.. Enumerable.Range(1, 2).Select(i => arena.Upload(Data.Normal(i, 6 * columns), shape))];
        Tensor[] m = [.. Enumerable.Range(3, 3).Select(i => arena.Upload(Data.Normal(i, 2 * columns), samples))];
        Tensor[] y = [arena.Rent(shape), arena.Rent(shape)], h = [arena.Rent(shape), arena.Rent(shape)];
        Tensor statistics = arena.Rent(new(6, 2));
        LayerNorm.Forward(device, t[0], m[0], t[1], y[0], m[1], m[2], h[0], statistics);
        GatedResidual.Forward(device, t[0], m[0], t[1], y[1]);
        LayerNorm.Forward(device, y[1], m[1], m[2], h[1], statistics);
        Assert.Equal(y[1].ToArray().Select(BitConverter.SingleToInt32Bits), y[0].ToArray().Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(h[1].ToArray().Select(BitConverter.SingleToInt32Bits), h[0].ToArray().Select(BitConverter.SingleToInt32Bits));
    }

    [Theory(SkipTestWithoutData = true), MemberData(nameof(Mixtures))]
    public void Behind_a_bfloat16_branch_a_float32_stream_takes_the_kernels_of_GPUs(TestDevice kind, int tokens, int columns)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(2 * tokens, columns), samples = new(2, columns);
        int count = (int)shape.Length;
        double[] x = Data.Normal(1, count), shift = Data.Normal(2, 2 * columns), scale = Data.Normal(3, 2 * columns), gate = Data.Normal(6, 2 * columns);
        double[] dh = [.. Data.Random(4, count).Select(Data.RoundToBFloat16)], o = [.. Data.Normal(7, count).Select(Data.RoundToBFloat16)];
        double[] dy = Data.Random(5, count), sum = GatedResidualReference.Forward(x, gate, o, columns);
        Tensor xs = arena.Upload(x, shape), os = arena.Upload(o, shape, ElementType.BFloat16), gates = arena.Upload(gate, samples);
        Tensor scales = arena.Upload(scale, samples), h = arena.Rent(shape, type: ElementType.BFloat16), statistics = arena.Rent(new(shape.Rows, 2));
        Tensor dx = arena.Rent(shape), branch = arena.Rent(shape, type: ElementType.BFloat16);
        Tensor[] d = [arena.Rent(samples), arena.Rent(samples), arena.Rent(samples)];
        List<string> launched = [];
        device.Launching = kernel => launched.Add(kernel.Name.Split('`')[0]);
        LayerNorm.Forward(device, xs, gates, os, xs, arena.Upload(shift, samples), scales, h, statistics);
        LayerNorm.Backward(
            device, xs, gates, os, scales, statistics, arena.Upload(dy, shape), arena.Upload(dh, shape, ElementType.BFloat16),
            new(new(dx, Add: false), new(d[0], Add: false), new(branch, Add: false), new(d[1], Add: false), new(d[2], Add: false)));
        device.Launching = null;
        Assert.Equal(["LayerNormForwardTeams", "LayerNormBackwardGroups", "LayerNormFold"], launched);
        xs.ShouldBe(sum, 1e-6, 1e-6, "y");
        h.ShouldBe(LayerNormReference.Forward(sum, shift, scale, columns), 4e-3, 1e-4, "h");
        double[][] gradients = LayerNormReference.Adjoint(sum, gate, o, scale, dy, dh, columns);
        dx.ShouldBe(gradients[0], 1e-4, 1e-4, "dx");
        branch.ShouldBe(gradients[2], 4e-3, 1e-4, "do");
        foreach ((int i, string name) in new[] { (1, "dgate"), (3, "dshift"), (4, "dscale") })
        {
            d[Math.Max(0, i - 2)].ShouldBe(gradients[i], 1e-4, 1e-4, name);
        }
    }

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
        Gradient.ShouldMatch(
            x => Gated(x, 5, 0.5, 2), (x, d) => GatedAdjoint(x, d, 5, 0.5, 2), [Data.Normal(1, 40), Data.Normal(2, 30), Data.Normal(3, 40)]);
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

    /// <summary>So much of y = x + gate ⊙ o and so much of its norm; the modulation is shift, scale and gate side by side.</summary>
    private static double[] Gated(double[][] x, int columns, double ofY, double ofH)
    {
        double[] y = GatedResidualReference.Forward(x[0], Chunk(x[1], 2, columns), x[2], columns);
        return [.. y.Zip(Modulated([y, x[1]], columns), (a, b) => (ofY * a) + (ofH * b))];
    }

    private static double[][] GatedAdjoint(double[][] x, double[] d, int columns, double ofY, double ofH)
    {
        double[] gate = Chunk(x[1], 2, columns), y = GatedResidualReference.Forward(x[0], gate, x[2], columns);
        double[][] g = LayerNormReference.Adjoint(
            y, gate, x[2], Chunk(x[1], 1, columns), [.. d.Select(v => ofY * v)], [.. d.Select(v => ofH * v)], columns);
        double[][] parts = [g[3], g[4], g[1]];
        return [g[0], [.. x[1].Select((_, i) => parts[i / columns % 3][(i / columns / 3 * columns) + (i % columns)])], g[2]];
    }
}
