using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>Products on tensor cores, and on the simulated warps that stand in for them.</summary>
public sealed class LinearPrecisionTests
{
    // A single element; a batch whose rows end within a tile; odd pitches, more than a warp's tile each way; a reduction
    // over tokens that is cut into parts. Then more than a group's tile, and more steps than are copied ahead.
    private static readonly (int Batch, int M, int N, int K)[] Tiny = [(1, 1, 1, 1), (2, 9, 5, 3), (1, 70, 66, 20), (1, 1100, 2, 3)];
    private static readonly (int Batch, int M, int N, int K)[] Small =
        [(2, 130, 34, 40), (1, 300, 259, 260), (1, 2, 3, 1100), (3, 257, 129, 1030), (1, 1024, 768, 96)];

    public static IEnumerable<TheoryDataRow<TestDevice, int, int, int, int>> Cases =>
        from device in Devices.Rounding
        from shape in IsSimulated(device) ? Tiny : [.. Tiny, .. Small]
        select new TheoryDataRow<TestDevice, int, int, int, int>(device, shape.Batch, shape.M, shape.N, shape.K);

    // Rounded operands have exact products, so what is left is the error of float32 sums.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(Cases))]
    public void The_product_is_that_of_rounded_operands(TestDevice kind, int batch, int m, int n, int k)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[] x = Data.Normal(1, batch * m * k), w = Data.Normal(2, batch * n * k), b = Data.Normal(3, batch * n), dy = Data.Normal(4, batch * m * n);
        double[] seed = Data.Normal(5, Math.Max(x.Length, w.Length));
        double[] rx = Rounded(device, x), rw = Rounded(device, w), rdy = Rounded(device, dy);
        Tensor tx = arena.Upload(x, new(batch * m, k)), tw = arena.Upload(w, new(batch * n, k));
        Tensor y = arena.Rent(new(batch * m, n)), tdy = arena.Upload(dy, y.Shape);
        double absolute = 1.6e-5 * Math.Sqrt(Math.Max(Math.Max(m, n), k));

        Linear.Forward(device, tx, tw, arena.Upload(b, new(batch, n)), y, batch);
        y.ShouldBe(LinearReference.Forward(rx, rw, b, batch, m, n, k), 1e-5, absolute, "y");

        double[][] expected = LinearReference.Adjoint(rx, rw, rdy, batch, m, n, k);
        Tensor dx = arena.Rent(tx.Shape), dw = arena.Rent(tw.Shape);
        Linear.Backward(device, tx, tw, tdy, new(dx, Add: false), new(dw, Add: false), null, batch);
        dx.ShouldBe(expected[0], 1e-5, absolute, "dx");
        dw.ShouldBe(expected[1], 1e-5, absolute, "dw");

        dx.Upload([.. seed.Take(x.Length).Select(v => (float)v)]);
        dw.Upload([.. seed.Take(w.Length).Select(v => (float)v)]);
        Linear.Backward(device, tx, tw, tdy, new(dx, Add: true), new(dw, Add: true), null, batch);
        dx.ShouldBe([.. expected[0].Zip(seed, (a, s) => a + s)], 1e-5, absolute, "dx added");
        dw.ShouldBe([.. expected[1].Zip(seed, (a, s) => a + s)], 1e-5, absolute, "dw added");
    }

    public static TheoryData<TestDevice> Kinds => [.. Devices.Rounding];

    // Views start anywhere and have any pitch, so that neither loads nor stores are aligned. The second reduction is long
    // enough to be cut, but for the view that receives it.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(Kinds))]
    public void Column_views_are_products_like_others(TestDevice kind)
    {
        Column_views(kind, 66, 68, 33);
        Column_views(kind, 3, 2, 1030);
    }

    private static void Column_views(TestDevice kind, int m, int n, int k)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[] x = Data.Normal(1, m * (k + 4)), w = Data.Normal(2, n * k), y = Data.Normal(3, m * (n + 3));
        Tensor wide = arena.Upload(y, new(m, n + 3));
        Linear.Forward(device, arena.Upload(x, new(m, k + 4)).Slice(3, k), arena.Upload(w, new(n, k)), null, wide.Slice(1, n));
        double[] columns = [.. Enumerable.Range(0, m).SelectMany(r => x.Skip((r * (k + 4)) + 3).Take(k))];
        double[] product = LinearReference.Forward(Rounded(device, columns), Rounded(device, w), null, 1, m, n, k);
        double[] expected = [.. y];
        for (int i = 0; i < product.Length; i++)
        {
            expected[(i / n * (n + 3)) + 1 + (i % n)] = product[i];
        }

        wide.ShouldBe(expected, 1e-5, 5e-4);
    }

    public static TheoryData<TestDevice> FastKinds => [.. Devices.Rounding.Where(d => !IsSimulated(d))];

    [Theory(SkipTestWithoutData = true), MemberData(nameof(FastKinds))]
    public void Equal_inputs_give_equal_bits(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor x = arena.Upload(Data.Normal(1, 1100 * 3), new(1100, 3)), dy = arena.Upload(Data.Normal(2, 1100 * 2), new(1100, 2));
        Tensor w = arena.Upload(Data.Normal(3, 6), new(2, 3)), first = arena.Rent(w.Shape), second = arena.Rent(w.Shape);
        Linear.Backward(device, x, w, dy, null, new(first, Add: false), null);
        Linear.Backward(device, x, w, dy, null, new(second, Add: false), null);
        Assert.Equal(first.ToArray(), second.ToArray());
    }

    [Theory]
    [InlineData(MatrixPrecision.TensorFloat32)]
    [InlineData(MatrixPrecision.BFloat16)]
    public void A_device_without_tensor_cores_says_so(MatrixPrecision precision)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Device.Open("cpu", new() { MatrixPrecision = precision }));
        Assert.Contains("CUDA", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1.0f, 1.0f)]
    [InlineData(1.00390625f, 1.0f)]
    [InlineData(1.01171875f, 1.015625f)]
    [InlineData(-1.00390637f, -1.0078125f)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.MaxValue, float.PositiveInfinity)]
    public void Bfloat16_rounds_to_nearest_even(float x, float expected)
    {
        int pair = TensorCores.RoundBFloat16(0f, x);
        Assert.Equal(expected, BitConverter.Int32BitsToSingle(pair));
        Assert.Equal(pair >>> 16, TensorCores.RoundBFloat16(x, 0f));
    }

    [Theory]
    [InlineData(1.0f, 1.0f)]
    [InlineData(1.00048828125f, 1.0009765625f)]
    [InlineData(1.000488f, 1.0f)]
    [InlineData(float.NegativeInfinity, float.NegativeInfinity)]
    [InlineData(float.NaN, float.NaN)]
    public void Tf32_rounds_to_nearest_away(float x, float expected) =>
        Assert.Equal(expected, BitConverter.Int32BitsToSingle(TensorCores.RoundTensorFloat32(x)));

    private static bool IsSimulated(TestDevice device) => device is TestDevice.SimtTf32 or TestDevice.SimtBf16;

    private static double[] Rounded(Device device, double[] values) => [.. values.Select(v => (double)BitConverter.Int32BitsToSingle(
        device.MatrixPrecision == MatrixPrecision.BFloat16 ? TensorCores.RoundBFloat16(0f, (float)v) : TensorCores.RoundTensorFloat32((float)v)))];
}
