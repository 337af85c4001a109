using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class CausalConvolutionTests
{
    private const int Batch = 2;

    public static MatrixTheoryData<TestDevice, int, int, int> Oracle => new(
        Devices.Fast, [64], [2, 3, 4], [1, 2, 8, 16, 130, 151, 372, 784, 1134, 4096]);

    public static MatrixTheoryData<TestDevice, int, int, int> Wide => new(
        Devices.Fast, [4128], [2, 3, 4], [1, 2, 8, 16]);

    public static MatrixTheoryData<int, int> WideAndLong => new([2, 3, 4], [130, 151, 372, 784, 1134, 4096]);

    // Shorter than the filter; a chunk and what is left of it; one column; no multiple of a lane.
    public static MatrixTheoryData<TestDevice, int, int, int> Edges => new(
        Devices.Fast, [1, 6, 24], [2, 3, 4], [1, 3, 16, 17, 32, 33, 35]);

    public static MatrixTheoryData<TestDevice, int, int, int> Tiny => new([TestDevice.Simt], [3], [2, 4], [1, 5]);

    public static TheoryData<TestDevice> AllDevices => [.. Devices.All];

    [Theory, MemberData(nameof(Oracle)), MemberData(nameof(Wide)), MemberData(nameof(Edges)), MemberData(nameof(Tiny))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int channels, int width, int length) =>
        Match([kind], channels, width, length);

    [Theory, MemberData(nameof(WideAndLong)), Trait("Category", "Slow")]
    public void Forward_and_backward_match_the_reference_where_large(int width, int length) =>
        Match([.. Devices.Fast], 4128, width, length);

    [Theory, InlineData(2), InlineData(3), InlineData(4)]
    public void The_references_adjoint_matches_central_differences(int width)
    {
        foreach (int length in new[] { 1, 2, 6 })
        {
            Gradient.ShouldMatch(
                x => CausalConvolutionReference.Forward(x[0], x[1], x[2], length),
                (x, du) => CausalConvolutionReference.Adjoint(x[0], x[1], x[2], du, length),
                [Data.Normal(1, Batch * length * 3), Data.Normal(2, 2 * width * 3), Data.Normal(3, 2 * 3)]);
        }
    }

    [Theory, MemberData(nameof(AllDevices))]
    public void Views_are_honoured(TestDevice kind)
    {
        const int channels = 8, length = 5;
        OperatorTest.Run(
            kind,
            [
                (Data.Normal(1, Batch * length * 2 * channels), new Shape(Batch * length, 2 * channels)),
                (Data.Normal(2, 8 * channels), new Shape(8, channels)),
                (Data.Normal(3, 2 * channels), new Shape(2, channels)),
            ],
            (tape, x) => tape.CausalConvolution(x[0].Columns(0, channels), x[1], x[2], length),
            x => CausalConvolutionReference.Forward(
                [.. x[0].Where((_, i) => i / channels % 2 == 0)], x[1], x[2], length));
    }

    [Theory, MemberData(nameof(AllDevices))]
    public void Gradients_are_added_to_what_is_there(TestDevice kind)
    {
        const int channels = 8, length = 5;
        OperatorTest.Run(
            kind,
            [
                (Data.Normal(1, Batch * length * channels), new Shape(Batch * length, channels)),
                (Data.Normal(2, 6 * channels), new Shape(6, channels)),
                (Data.Normal(3, 2 * channels), new Shape(2, channels)),
            ],
            (tape, x) => tape.Sum(
                tape.CausalConvolution(x[0], x[1], x[2], length), tape.CausalConvolution(x[0], x[1], x[2], length)),
            x => [.. CausalConvolutionReference.Forward(x[0], x[1], x[2], length).Select(v => 2 * v)]);
    }

    [Theory, MemberData(nameof(AllDevices))]
    public void The_backward_direction_is_the_forward_one_of_reversed_tokens_to_the_bit(TestDevice kind)
    {
        int channels = kind == TestDevice.Simt ? 3 : 24, length = kind == TestDevice.Simt ? 6 : 77;
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(length, channels);
        double[] x = Data.Normal(1, length * channels), taps = Data.Normal(2, 4 * channels), bias = Data.Normal(3, channels);
        Tensor weight = arena.Upload([.. taps, .. taps], new(8, channels));
        Tensor biases = arena.Upload([.. bias, .. bias], new(2, channels));
        Tensor u = arena.Rent(new(2 * length, channels)), reversed = arena.Rent(new(2 * length, channels));
        CausalConvolution.Forward(device, arena.Upload(x, shape), weight, biases, u, length);
        CausalConvolution.Forward(
            device, arena.Upload([.. x.Chunk(channels).Reverse().SelectMany(r => r)], shape), weight, biases, reversed, length);
        float[] expected = [.. u.SliceRows(length, length).ToArray().Chunk(channels).Reverse().SelectMany(r => r)];
        Assert.Equal(
            expected.Select(BitConverter.SingleToInt32Bits),
            reversed.SliceRows(0, length).ToArray().Select(BitConverter.SingleToInt32Bits));
    }

    public static TheoryData<TestDevice, int, int, ElementType> Strips => [..
        from kind in Devices.Gpus
        from chunk in kind == TestDevice.Simt ? [24] : new[] { 16, 24, 37, 64, 128 }
        from length in kind == TestDevice.Simt ? [30] : new[] { 37, 150, 300 }
        from type in kind == TestDevice.Simt ? [ElementType.BFloat16] : new[] { ElementType.Float32, ElementType.BFloat16 }
        select (kind, chunk, length, type)];

    // Strips as long as only large shapes have, whose inner tokens take loops without conditions.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(Strips))]
    public void Long_strips_match_the_reference(TestDevice kind, int chunk, int length, ElementType type)
    {
        int channels = kind == TestDevice.Simt ? 8 : 24, samples = kind == TestDevice.Simt ? 1 : Batch;
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Shape shape = new(samples * length, channels), doubled = new(2 * shape.Rows, channels);
        double[] x = Stored(1, shape), weight = Data.Normal(2, 8 * channels), bias = Data.Normal(3, 2 * channels), du = Stored(4, doubled);
        double[] before = Stored(5, shape);
        Tensor xs = arena.Upload(x, shape, type), taps = arena.Upload(weight, new(8, channels)), biases = arena.Upload(bias, new(2, channels));
        Tensor u = arena.Rent(doubled, type: type), dx = arena.Rent(shape, type: type), added = arena.Upload(before, shape, type);
        Tensor dus = arena.Upload(du, doubled, type), dweight = arena.Rent(taps.Shape), dbias = arena.Rent(biases.Shape);
        CausalConvolution.Forward(device, xs, taps, biases, u, length, chunk);
        CausalConvolution.Backward(device, xs, taps, biases, dus, new(added, Add: true), null, null, length, chunk);
        CausalConvolution.Backward(
            device, xs, taps, biases, dus, new(dx, Add: false), new(dweight, Add: false), new(dbias, Add: false), length, chunk);
        double[][] gradients = CausalConvolutionReference.Adjoint(x, weight, bias, du, length);
        double rounding = type == ElementType.BFloat16 ? 4e-3 : 6e-5;
        u.ShouldBe(CausalConvolutionReference.Forward(x, weight, bias, length), rounding, 2e-4, "u");
        dx.ShouldBe(gradients[0], rounding, 2e-4, "dx");
        added.ShouldBe([.. gradients[0].Zip(before, (a, b) => a + b)], rounding, 2e-4, "dx added");
        dweight.ShouldBe(gradients[1], 6e-5, 2e-4, "dweight");
        dbias.ShouldBe(gradients[2], 6e-5, 2e-4, "dbias");

        double[] Stored(int seed, Shape of) => type == ElementType.BFloat16
            ? [.. Data.Normal(seed, (int)of.Length).Select(Data.RoundToBFloat16)]
            : Data.Normal(seed, (int)of.Length);
    }

    [Fact]
    public void A_wrong_width_is_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor x = arena.Rent(new(4, 4)), weight = arena.Rent(new(10, 4)), bias = arena.Rent(new(2, 4));
        Assert.Equal(
            "weight",
            Assert.Throws<ArgumentException>(
                () => CausalConvolution.Forward(device, x, weight, bias, arena.Rent(new(8, 4)), 4)).ParamName);
    }

    // A gradient is held to five times these, so that every bound is at most the oracle's 3e-4 and 1e-3.
    private static void Match(TestDevice[] kinds, int channels, int width, int length) => OperatorTest.Run(
        kinds,
        [
            (Data.Normal(1, Batch * length * channels), new Shape(Batch * length, channels)),
            (Data.Normal(2, 2 * width * channels), new Shape(2 * width, channels)),
            (Data.Normal(3, 2 * channels), new Shape(2, channels)),
        ],
        (tape, x) => tape.CausalConvolution(x[0], x[1], x[2], length),
        x => CausalConvolutionReference.Forward(x[0], x[1], x[2], length),
        relative: 6e-5,
        absolute: 2e-4,
        adjoint: (x, du) => CausalConvolutionReference.Adjoint(x[0], x[1], x[2], du, length));
}
