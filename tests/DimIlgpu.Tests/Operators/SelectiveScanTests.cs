using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SelectiveScanTests
{
    // MODEL.md's oracle: lengths around the chunk sizes of the published kernel.
    private static readonly int[] Lengths = [1, 63, 128, 256, 257, 1024, 1025, 2048, 2049, 4096];

    public static MatrixTheoryData<TestDevice, int, int> Oracle => new(Devices.Fast, [8, 16], Lengths);

    public static IEnumerable<TheoryDataRow<TestDevice, int, int, int, int>> Chunked =>
        from device in Devices.Fast
        from chunks in new[] { 1, 2, 3, 50 }
        from shape in new[]
        {
            (Channels: 4, States: 4, Length: 100), (Channels: 48, States: 16, Length: 200), (Channels: 144, States: 12, Length: 70),
            (Channels: 39, States: 8, Length: 50), (Channels: 16, States: 4, Length: 40),
        }
        select new TheoryDataRow<TestDevice, int, int, int, int>(device, chunks, shape.Channels, shape.States, shape.Length);

    public static TheoryData<TestDevice> FastDevices => [.. Devices.Fast];

    [Theory, MemberData(nameof(Oracle))]
    public void Meets_the_oracle(TestDevice kind, int states, int length) =>
        Check(kind, batch: 2, length, channels: 4, states, chunks: 0, relative: 6e-4, absolute: 2e-3);

    // Every number of chunks takes the associative path; 144 channels make two groups of the backward pass.
    [Theory, MemberData(nameof(Chunked))]
    public void Any_number_of_chunks_gives_the_reference(TestDevice kind, int chunks, int channels, int states, int length) =>
        Check(kind, batch: 1, length, channels, states, chunks, relative: 1e-4, absolute: 1e-4);

    [Theory]
    [InlineData(3, 1, 3, 8)]
    [InlineData(17, 2, 3, 8)]
    [InlineData(18, 1, 8, 4)]
    public void Simulated_threads_give_the_reference(int length, int chunks, int channels, int states) =>
        Check(TestDevice.Simt, batch: 1, length, channels, states, chunks, relative: 1e-4, absolute: 1e-4);

    // Every number of channels a thread, forward and backward, whatever the shape would choose; 200 channels end within a group.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(Widths))]
    public void Any_number_of_channels_a_thread_gives_the_reference(
        TestDevice kind, int forward, int backward, int channels, ElementType type) => Check(
        kind, batch: 2, length: 37, channels, states: 16, chunks: 1, type == ElementType.BFloat16 ? 3e-2 : 1e-4,
        type == ElementType.BFloat16 ? 5e-2 : 1e-4, type, forward, backward);

    [Theory]
    [InlineData(3, 3)]
    [InlineData(1, 1)]
    public void Simulated_threads_of_any_number_of_channels_give_the_reference(int forward, int backward) => Check(
        TestDevice.Simt, batch: 1, length: 5, channels: 40, states: 8, chunks: 1, relative: 1e-4, absolute: 1e-4,
        ElementType.Float32, forward, backward);

    // 96 channels a group and 16 tokens a tile, none beyond the end.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(WholeCases))]
    public void Whole_channels_and_tiles_give_the_reference(TestDevice kind, int chunks, ElementType type) => Check(
        kind, batch: 2, length: 96, channels: 192, states: 16, chunks, type == ElementType.BFloat16 ? 3e-2 : 1e-4,
        type == ElementType.BFloat16 ? 5e-2 : 1e-4, type, forward: 3, backward: 3);

    [Fact]
    public void Simulated_threads_of_whole_channels_and_tiles_give_the_reference() => Check(
        TestDevice.Simt, batch: 1, length: 32, channels: 96, states: 8, chunks: 1, relative: 1e-4, absolute: 1e-4,
        ElementType.Float32, forward: 3, backward: 3);

    // CUDA's form of the backward pass, which has all memory of a group shared; two segments, and threads without channels.
    [Theory]
    [InlineData(3, 40, ElementType.Float32)]
    [InlineData(3, 40, ElementType.BFloat16)]
    [InlineData(4, 44, ElementType.BFloat16)]
    public void Simulated_warps_that_share_all_memory_give_the_reference(int backward, int channels, ElementType type) => Check(
        TestDevice.SimtBf16, batch: 1, length: 21, channels, states: 16, chunks: 1, type == ElementType.BFloat16 ? 3e-2 : 1e-4,
        type == ElementType.BFloat16 ? 5e-2 : 1e-4, type, forward: 3, backward);

    public static TheoryData<TestDevice, int, ElementType> WholeCases =>
        [.. from kind in FastGpuKinds from chunks in new[] { 1, 3 } from type in new[] { ElementType.Float32, ElementType.BFloat16 } select (kind, chunks, type)];

    public static TheoryData<TestDevice, int, int, int, ElementType> Widths =>
        [.. from kind in FastGpuKinds
            from width in new[] { (1, 1), (3, 3), (3, 4) }
            from channels in new[] { 200, 75 }
            from type in new[] { ElementType.Float32, ElementType.BFloat16 }
            select (kind, width.Item1, width.Item2, channels, type)];

    public static TheoryData<TestDevice> Gpus => [.. Devices.All.Where(d => d is TestDevice.Simt or TestDevice.OpenCl or TestDevice.Cuda)];

    // A machine without a GPU has no such case, and a matrix of data cannot be empty.
    public static TheoryData<TestDevice, int> FastGpus =>
        [.. from kind in FastGpuKinds from states in new[] { 20, 256 } select (kind, states)];

    public static TheoryData<TestDevice, int, int> NarrowOracle =>
        [.. from kind in FastGpuKinds from states in new[] { 8, 16 } from length in Lengths select (kind, states, length)];

    private static IEnumerable<TestDevice> FastGpuKinds => Devices.Fast.Where(d => d is TestDevice.OpenCl or TestDevice.Cuda);

    [Theory(SkipTestWithoutData = true), MemberData(nameof(NarrowOracle))]
    public void Meets_the_oracle_in_bfloat16(TestDevice kind, int states, int length) => Check(
        kind, batch: 2, length, channels: 4, states, chunks: 0, relative: 3e-2, absolute: 5e-2, ElementType.BFloat16);

    // More than 16 states run 16 at a time.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(FastGpus))]
    public void Many_states_give_the_reference(TestDevice kind, int states) =>
        Check(kind, batch: 1, length: 70, channels: 36, states, chunks: 2, relative: 2e-4, absolute: 2e-4);

    [Theory, MemberData(nameof(Gpus))]
    public void A_mixture_of_element_types_is_refused(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        ScanInputs inputs = Upload(arena, Inputs(1, 4, 4, 4), 1, 4, 4, 4);
        ArgumentException e = Assert.Throws<ArgumentException>(() => SelectiveScan.Forward(
            device, inputs with { B = arena.Rent(inputs.B.Shape, type: ElementType.BFloat16) }, arena.Rent(inputs.U.Shape), 1, null));
        Assert.Contains("holds BFloat16; expected Float32", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_reference_adjoint_matches_central_differences() => Gradient.ShouldMatch(
        new SelectiveScanReference(2, 5, 3, 4).Forward, new SelectiveScanReference(2, 5, 3, 4).Adjoint, Inputs(2, 5, 3, 4));

    // The second direction on reversed tokens is the first direction, reversed.
    [Theory, MemberData(nameof(FastDevices))]
    public void The_backward_direction_is_the_forward_one_of_reversed_tokens_to_the_bit(TestDevice kind)
    {
        const int Length = 300, Channels = 32, States = 16, Half = Length * Channels;
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[][] x = Inputs(1, Length, Channels, States);
        foreach (int i in new[] { 0, 1, 3, 4 })
        {
            int columns = x[i].Length / 2 / Length;
            for (int t = 0; t < Length; t++)
            {
                Array.Copy(x[i], t * columns, x[i], ((2 * Length) - 1 - t) * columns, columns);
            }
        }

        foreach (int i in new[] { 2, 5 })
        {
            Array.Copy(x[i], 0, x[i], x[i].Length / 2, x[i].Length / 2);
        }

        foreach (int chunks in new[] { 1, 3 })
        {
            Tensor y = arena.Rent(new(2 * Length, Channels));
            SelectiveScan.Forward(device, Upload(arena, x, 1, Length, Channels, States), y, 1, null, chunks);
            float[] got = y.ToArray();
            for (int t = 0; t < Length; t++)
            {
                Assert.Equal(
                    got.AsSpan(t * Channels, Channels), got.AsSpan(Half + ((Length - 1 - t) * Channels), Channels));
            }
        }
    }

    [Theory, MemberData(nameof(FastDevices))]
    public void The_recorded_operator_delivers_every_gradient(TestDevice kind)
    {
        SelectiveScanReference reference = new(2, 40, 16, 4);
        double[][] x = Inputs(2, 40, 16, 4);
        OperatorTest.Run(
            kind,
            [.. x.Zip(Shapes(2, 40, 16, 4))],
            (tape, v) => tape.SelectiveScan(v[0], v[1], v[2], v[3], v[4], v[5], batch: 2),
            reference.Forward, 1e-4, 1e-4, reference.Adjoint);
    }

    [Fact]
    public void A_wrong_number_of_states_is_refused()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        ScanInputs inputs = Upload(arena, Inputs(1, 4, 4, 5), 1, 4, 4, 5);
        ArgumentException e = Assert.Throws<ArgumentException>(
            () => SelectiveScan.Forward(device, inputs, arena.Rent(inputs.U.Shape), 1, null));
        Assert.Contains("5 states", e.Message, StringComparison.Ordinal);
    }

    private static void Check(
        TestDevice kind, int batch, int length, int channels, int states, int chunks, double relative, double absolute,
        ElementType type = ElementType.Float32, int forward = 0, int backward = 0)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[][] x = Inputs(batch, length, channels, states);
        if (type == ElementType.BFloat16)
        {
            foreach (int i in new[] { 0, 1, 3, 4 })
            {
                x[i] = [.. x[i].Select(Data.RoundToBFloat16)];
            }
        }

        Shape[] shapes = Shapes(batch, length, channels, states);
        ScanInputs inputs = Upload(arena, x, batch, length, channels, states, type);
        SelectiveScanReference reference = new(batch, length, channels, states);
        Tensor y = arena.Rent(shapes[0], type: type);
        Tensor checkpoints = arena.Rent(SelectiveScan.CheckpointShape(device, batch, length, states, channels));
        SelectiveScan.Forward(device, inputs, y, batch, checkpoints, chunks, forward);
        y.ShouldBe(reference.Forward(x), relative, absolute, "y");

        double[] dy = Data.Normal(50, y.ToArray().Length);
        dy = type == ElementType.BFloat16 ? [.. dy.Select(Data.RoundToBFloat16)] : dy;
        Tensor[] gradients = [.. shapes.Select((s, i) => arena.Rent(s, type: TypeOf(i, type)))];
        SelectiveScan.Backward(device, inputs, checkpoints, arena.Upload(dy, shapes[0], type), batch, new(
            new(gradients[0], false), new(gradients[1], false), new(gradients[2], false), new(gradients[3], false),
            new(gradients[4], false), new(gradients[5], false)), chunks, backward);
        double[][] expected = reference.Adjoint(x, dy);

        // The oracle's factors: du 2×/2×, dΔ 5×/10×, dA 1×/5×; sums over tokens and batch grow like their number's root.
        double root = Math.Sqrt((double)batch * length);
        (string, double, double)[] factors =
        [
            ("du", 2, 2), ("dΔ", 5, 10), ("dA_log", 1, 5 * Math.Max(1, root / 16)), ("dB", 1, 1), ("dC", 1, 1),
            ("dD", 1, Math.Max(1, root / 16)),
        ];
        for (int i = 0; i < gradients.Length; i++)
        {
            (string name, double r, double a) = factors[i];
            gradients[i].ShouldBe(expected[i], r * relative, a * absolute, name);
        }
    }

    private static Shape[] Shapes(int batch, int length, int channels, int states) =>
    [
        new(2L * batch * length, channels), new(2L * batch * length, channels), new(2 * states, channels),
        new(2L * batch * length, states), new(2L * batch * length, states), new(2, channels),
    ];

    // A = −½·U, Δ = softplus(½·U + ½·U), the rest normal: MODEL.md.
    private static double[][] Inputs(int batch, int length, int channels, int states)
    {
        Shape[] shapes = Shapes(batch, length, channels, states);
        double[] Uniform(int seed, int i) => [.. Data.Random(seed, (int)shapes[i].Length).Select(v => (v + 1) / 2)];
        double[] Normal(int seed, int i) => Data.Normal(seed, (int)shapes[i].Length);
        return
        [
            Normal(1, 0), [.. Uniform(2, 1).Zip(Uniform(7, 1), (a, b) => (double)(float)Math.Log(1 + Math.Exp((a + b) / 2)))],
            [.. Uniform(3, 2).Select(v => (double)(float)Math.Log(Math.Max(v, 1e-3) / 2))],
            Normal(4, 3), Normal(5, 4), Normal(6, 5),
        ];
    }

    // A_log and D, which are learned, stay float32.
    private static ElementType TypeOf(int input, ElementType type) => input is 2 or 5 ? ElementType.Float32 : type;

    private static ScanInputs Upload(
        Arena arena, double[][] x, int batch, int length, int channels, int states, ElementType type = ElementType.Float32)
    {
        Shape[] shapes = Shapes(batch, length, channels, states);
        Tensor[] t = [.. x.Select((values, i) => arena.Upload(values, shapes[i], TypeOf(i, type)))];
        return new(t[0], t[1], t[2], t[3], t[4], t[5]);
    }
}
