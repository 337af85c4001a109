using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class VariationalBoundTests
{
    // A divergence, a decoder as narrow as at t = 0 of the linear schedule, and a wide decoder.
    private static readonly double[] Coefficients =
    [
        0.3, -3, -2, 0,
        0.01, -9.8125, -9.1875, 1,
        0.5, -4, -1, 1,
    ];

    public static MatrixTheoryData<TestDevice, int> Cases => new(Devices.All, [1, 24, 33, 290]);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int columns) => Match([kind], columns);

    // More elements than one group of a GPU takes.
    [Theory, InlineData(2052), InlineData(4100)]
    public void Long_rows_match_the_reference(int columns) => Match([.. Devices.Fast], columns, eachByItself: true);

    private static void Match(TestDevice[] kinds, int columns, bool eachByItself = false)
    {
        const int Rows = 3;
        // Some samples at both ends, where the bins are open.
        double[] sample = [.. Data.Random(1, Rows * columns).Select(v => Math.Clamp(1.5 * v, -1, 1))];
        double[] noise = Data.Normal(2, Rows * columns), prediction = Data.Normal(3, Rows * columns);
        double[] k = [.. Coefficients.Select(c => (double)(float)c)];
        OperatorTest.Run(
            kinds,
            [(Data.Random(4, Rows * columns), new Shape(Rows, columns))],
            (tape, v) =>
            {
                Shape shape = new(Rows, columns);
                return tape.VariationalBound(
                    Upload(tape, sample, shape), Upload(tape, noise, shape), Upload(tape, prediction, shape), v[0],
                    Upload(tape, k, new(Rows, VariationalBound.Width)));
            },
            v => VariationalBoundReference.Forward(sample, noise, prediction, v[0], k, columns),
            relative: 5e-5,
            adjoint: eachByItself ? (v, dy) => [[.. v[0].Select((x, i) => dy[i / columns] * Slope(i, x) / columns)]] : null);

        // An element's own term is all that it changes: differences of whole rows would take the square of the time.
        double Slope(int i, double x)
        {
            const double Step = 1e-5;
            return (Term(i, x + Step) - Term(i, x - Step)) / (2 * Step);
        }

        double Term(int i, double x) => VariationalBoundReference.Forward(
            [sample[i]], [noise[i]], [prediction[i]], [x], k[(i / columns * VariationalBound.Width)..], columns: 1)[0];
    }

    [Fact]
    public void The_exact_posterior_costs_nothing()
    {
        Assert.Equal(0, Bits(-1, 0, [0.3, -3, -2, 0])[0], 1e-6);
        Assert.True(Bits(1, 0, [0.3, -3, -2, 0])[0] > 0.1);
    }

    [Fact]
    public void A_probability_below_the_floor_has_the_floor_and_no_gradient()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Tape tape = new(device);
        Shape shape = new(1, 16);
        Variable v = tape.Leaf(tape.Rent(shape, clear: true));
        Variable bits = tape.VariationalBound(
            tape.Rent(shape, clear: true), tape.Rent(shape, clear: true), Upload(tape, [.. Enumerable.Repeat(3.0, 16)], shape),
            v, Upload(tape, [1, -9.5, -9, 1], new(1, 4)));
        bits.Value.ShouldBe([-Math.Log2(1e-12)], 1e-6, 0);
        tape.Backward(bits, Upload(tape, [1], new(1, 1)));
        v.GradientValue!.Value.ShouldBe(new double[16], 0, 1e-30);
    }

    [Fact]
    public void Missing_coefficients_are_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu1);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor x = arena.Rent(new(2, 3)), k = arena.Rent(new(1, 4)), bits = arena.Rent(new(2, 1));
        Assert.Equal("coefficients", Assert.Throws<ArgumentException>(
            () => VariationalBound.Forward(device, x, x, x, x, k, bits)).ParamName);
    }

    private static float[] Bits(double v, double difference, double[] k)
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Tape tape = new(device);
        Shape shape = new(1, 4);
        return tape.VariationalBound(
            tape.Rent(shape, clear: true), tape.Rent(shape, clear: true),
            Upload(tape, [.. Enumerable.Repeat(difference, 4)], shape),
            Tape.Constant(Upload(tape, [.. Enumerable.Repeat(v, 4)], shape)), Upload(tape, k, new(1, 4))).Value.ToArray();
    }

    private static Tensor Upload(Tape tape, double[] values, Shape shape)
    {
        Tensor tensor = tape.Rent(shape);
        tensor.Upload([.. values.Select(v => (float)v)]);
        return tensor;
    }
}
