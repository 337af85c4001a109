using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class LinearTests
{
    // A single element; less than a register block; edges of panels, of row blocks and of GPU tiles; a thin inner
    // dimension as in dt_proj; more depth than a packed panel holds; several tiles of rows and of columns; a gradient of
    // the weight that is better computed transposed, its sums kept for more than one depth.
    public static IEnumerable<TheoryDataRow<TestDevice, int, int, int, int>> Cases =>
        from device in Devices.All
        from shape in new[] { (1, 1, 1, 1), (2, 9, 5, 3), (1, 17, 50, 6), (2, 8, 48, 16), (1, 65, 66, 20), (1, 30, 40, 400), (1, 150, 530, 12), (1, 200, 90, 20) }
        where device != TestDevice.Simt || shape.Item2 <= 17
        select new TheoryDataRow<TestDevice, int, int, int, int>(device, shape.Item1, shape.Item2, shape.Item3, shape.Item4);

    [Theory, MemberData(nameof(Cases))]
    public void Forward_and_backward_match_the_reference(TestDevice kind, int batch, int m, int n, int k) =>
        OperatorTest.Run(
            kind,
            [
                (Data.Random(1, batch * m * k), new Shape(batch * m, k)),
                (Data.Random(2, batch * n * k), new Shape(batch * n, k)),
                (Data.Random(3, batch * n), new Shape(batch, n)),
            ],
            (tape, x) => tape.Linear(x[0], x[1], x[2], batch),
            x => LinearReference.Forward(x[0], x[1], x[2], batch, m, n, k),
            adjoint: (x, dy) => LinearReference.Adjoint(x[0], x[1], dy, batch, m, n, k));

    // Δ of the scan. Sums above 20 and far below 0; on the CPU a panel whose last columns fill no register, and more depth
    // than is packed at once, so that only complete sums may end.
    [Theory, MemberData(nameof(Cases))]
    public void Softplus_ends_the_product(TestDevice kind, int batch, int m, int n, int k) =>
        OperatorTest.Run(
            kind,
            [
                (Data.Random(1, batch * m * k), new Shape(batch * m, k)),
                (Data.Random(2, batch * n * k), new Shape(batch * n, k)),
                ([.. Data.Random(3, batch * n).Select(v => (double)(float)(30 * v))], new Shape(batch, n)),
            ],
            (tape, x) => tape.Linear(x[0], x[1], x[2], batch, activation: Activation.Softplus),
            x => [.. LinearReference.Forward(x[0], x[1], x[2], batch, m, n, k).Select(SoftplusReference.Of)],
            adjoint: (x, dy) => LinearReference.Adjoint(x[0], x[1], Softened(x[0], x[1], x[2], dy, batch, m, n, k), batch, m, n, k));

    [Theory, MemberData(nameof(FastDevices))]
    public void Softplus_ends_a_long_reduction_once(TestDevice kind) =>
        OperatorTest.Run(
            kind,
            [(Data.Random(1, 130 * 6200), new Shape(130, 6200)), ([.. Data.Random(2, 20 * 6200).Select(v => (double)(float)(v / 8))], new Shape(20, 6200))],
            (tape, x) => tape.Linear(x[0], x[1], activation: Activation.Softplus),
            x => [.. LinearReference.Forward(x[0], x[1], null, 1, 130, 20, 6200).Select(SoftplusReference.Of)],
            absolute: 1e-3,
            adjoint: (x, dy) => LinearReference.Adjoint(x[0], x[1], Softened(x[0], x[1], null, dy, 1, 130, 20, 6200), 1, 130, 20, 6200)[..2]);

    /// <summary>dS = σ(S) ⊙ dY.</summary>
    private static double[] Softened(double[] x, double[] w, double[]? b, double[] dy, int batch, int m, int n, int k) =>
        [.. LinearReference.Forward(x, w, b, batch, m, n, k).Zip(dy, (s, d) => d / (1 + Math.Exp(-s)))];

    [Fact]
    public void The_reference_adjoint_matches_central_differences() => Gradient.ShouldMatch(
        x => LinearReference.Forward(x[0], x[1], x[2], 2, 3, 2, 4),
        (x, dy) => LinearReference.Adjoint(x[0], x[1], dy, 2, 3, 2, 4),
        [Data.Random(1, 24), Data.Random(2, 16), Data.Random(3, 4)]);

    // The token dimension is long enough to be cut into parts.
    [Theory, MemberData(nameof(FastDevices))]
    public void A_long_reduction_over_tokens_matches_the_reference(TestDevice kind) =>
        OperatorTest.Run(
            kind,
            [(Data.Random(1, 2000 * 6), new Shape(2000, 6)), (Data.Random(2, 10 * 6), new Shape(10, 6))],
            (tape, x) => tape.Linear(x[0], x[1]),
            x => LinearReference.Forward(x[0], x[1], null, 1, 2000, 10, 6),
            absolute: 1e-4,
            adjoint: (x, dy) => LinearReference.Adjoint(x[0], x[1], dy, 1, 2000, 10, 6));

    // More than the CPU packs at once, for several tiles of rows.
    [Theory, MemberData(nameof(FastDevices))]
    public void A_reduction_longer_than_what_is_packed_matches_the_reference(TestDevice kind) =>
        OperatorTest.Run(
            kind,
            [(Data.Random(1, 130 * 6200), new Shape(130, 6200)), (Data.Random(2, 20 * 6200), new Shape(20, 6200))],
            (tape, x) => tape.Linear(x[0], x[1]),
            x => LinearReference.Forward(x[0], x[1], null, 1, 130, 20, 6200),
            absolute: 1e-3,
            adjoint: (x, dy) => LinearReference.Adjoint(x[0], x[1], dy, 1, 130, 20, 6200));

    [Theory, MemberData(nameof(CpuDevices))]
    public void A_packed_weight_gives_the_same_bits_until_it_is_said_to_have_changed(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        using Arena arena = new(lease.Device), kept = new(lease.Device);
        Tensor x = arena.Upload(Data.Random(1, 2 * 130 * 50), new(2 * 130, 50)), y = arena.Rent(new(2 * 130, 70));
        Tensor weight = arena.Upload(Data.Random(2, 2 * 70 * 50), new(2 * 70, 50));
        PackedWeight packed = new(kept);
        float[] Product(PackedWeight? held)
        {
            Linear.Forward(lease.Device, x, weight, null, y, batch: 2, held);
            return y.ToArray();
        }

        float[] first = Product(null);
        packed.Expect(1);
        Assert.Equal(first, Product(packed));

        weight.CopyFrom(arena.Upload(Data.Random(3, 2 * 70 * 50), weight.Shape));
        packed.Expect(1);
        Assert.Equal(first, Product(packed));
        packed.Expect(2);
        Assert.Equal(Product(null), Product(packed));
    }

    public static TheoryData<TestDevice> CpuDevices => [.. Devices.All.Where(d => d is not (TestDevice.Simt or TestDevice.OpenCl or TestDevice.Cuda))];

    // δ is a view of three columns of a wider tensor, and so is its gradient.
    [Theory, MemberData(nameof(FastDevices))]
    public void Column_views_go_in_and_gradients_come_out(TestDevice kind) =>
        OperatorTest.Run(
            kind,
            [(Data.Random(1, 20 * 8), new Shape(20, 8)), (Data.Random(2, 5 * 3), new Shape(5, 3))],
            (tape, x) => tape.Sum(
                tape.Linear(x[0].Columns(2, 3), x[1]),
                tape.Sum(tape.Linear(x[0].Columns(2, 3), x[1]), tape.Linear(x[0].Columns(4, 3), x[1]))),
            x => [.. Enumerable.Range(0, 100).Select(i => Enumerable.Range(0, 3).Sum(j =>
                x[1][(i % 5 * 3) + j] * ((2 * x[0][(i / 5 * 8) + 2 + j]) + x[0][(i / 5 * 8) + 4 + j])))]);

    public static TheoryData<TestDevice> FastDevices => [.. Devices.Fast];

    [Fact]
    public void Wrong_shapes_are_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor x = arena.Rent(new(4, 3)), weight = arena.Rent(new(5, 2)), y = arena.Rent(new(4, 5));
        Assert.Equal("weight", Assert.Throws<ArgumentException>(() => Linear.Forward(device, x, weight, null, y)).ParamName);
    }
}
