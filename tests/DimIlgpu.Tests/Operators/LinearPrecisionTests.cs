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
        Linear.Forward(device, tx, tw, null, y, batch, activation: Activation.Softplus);
        y.ShouldBe([.. LinearReference.Forward(rx, rw, null, batch, m, n, k).Select(SoftplusReference.Of)], 1e-5, absolute, "softplus of y");

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

    // X and dX, W, and Y and dY, each float32 or bfloat16. Where 8 divides the columns operands are read as they are, and
    // results written in chunks; a batch of two, edges of steps and of tiles, a single row and column.
    public static IEnumerable<TheoryDataRow<TestDevice, string, int, int, int, int>> StoredCases =>
        from device in BFloat16Kinds
        from narrow in new[] { "x w y", "x y", "w", "y" }
        from shape in IsSimulated(device)
            ? [(2, 9, 16, 72), (1, 70, 66, 20), (1, 1, 1, 1)]
            : new (int Batch, int M, int N, int K)[] { (2, 9, 16, 72), (1, 70, 66, 20), (1, 1, 1, 1), (2, 1030, 264, 136), (3, 257, 129, 1032), (1, 4096, 1152, 768) }
        select new TheoryDataRow<TestDevice, string, int, int, int, int>(device, narrow, shape.Item1, shape.Item2, shape.Item3, shape.Item4);

    [Theory(SkipTestWithoutData = true), MemberData(nameof(StoredCases))]
    public void Stored_as_bfloat16_it_is_the_same_product(TestDevice kind, string narrow, int batch, int m, int n, int k) =>
        Check_stored(kind, narrow, batch, m, n, k, null);

    // What only large results choose by themselves: large tiles, several to a group; and reductions cut into parts, of all
    // tiles or of the last ones.
    public static IEnumerable<TheoryDataRow<TestDevice, string, int, int>> Plans =>
        from device in BFloat16Kinds
        from plan in new[]
        {
            (LinearTile.Groups, int.MaxValue, 1), (LinearTile.Groups, 1, 2), (LinearTile.Large, int.MaxValue, 1), (LinearTile.Large, 1, 2),
            (LinearTile.Small, 1, 2), (LinearTile.Small, 0, 1),
        }
        where plan.Item1 != LinearTile.Groups || IsSimulated(device) || HasWarpGroups(device)
        select new TheoryDataRow<TestDevice, string, int, int>(device, plan.Item1.ToString(), plan.Item2, plan.Item3);

    [Theory(SkipTestWithoutData = true), MemberData(nameof(Plans))]
    public void Every_plan_computes_the_same_product(TestDevice kind, string tile, int whole, int parts) =>
        Check_stored(kind, "x w y", 2, 258, 136, 72, new LinearPlan(Enum.Parse<LinearTile>(tile), whole, parts));

    // Tiles side by side, a reduction in parts, and results that no chunk of 16 bytes divides, added to what is there.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(GroupKinds))]
    public void Warp_groups_multiply_any_width(TestDevice kind)
    {
        Check_stored(kind, "x w y", 1, 70, 200, 72, new LinearPlan(LinearTile.Groups, 1, 2));
        Check_stored(kind, "x w y", 1, 70, 197, 20, new LinearPlan(LinearTile.Groups, int.MaxValue, 1));
        Check_stored(kind, "w", 2, 20, 30, 197, new LinearPlan(LinearTile.Groups, int.MaxValue, 1));
    }

    // Both products with a short reduction; one run of three tiles and then two runs, which wrap the tiles in the making; rows
    // and columns that end within a warp's sums.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(BFloat16Kinds))]
    public void A_short_reduction_walks_along_the_rows(TestDevice kind)
    {
        Check_stored(kind, "x w y", 1, 300, 104, 72, LinearPlan.Short(1));
        Check_stored(kind, "x w y", 2, 300, 72, 104, LinearPlan.Short(2));
        Check_stored(kind, "x w y", 1, 130, 40, 24, LinearPlan.Short());
    }

    [Theory(SkipTestWithoutData = true), MemberData(nameof(GroupKinds))]
    public void Warp_groups_walk_along_the_rows_too(TestDevice kind)
    {
        Check_stored(kind, "x w y", 1, 300, 104, 72, LinearPlan.Short(1, groups: true));
        Check_stored(kind, "x w y", 2, 300, 72, 104, LinearPlan.Short(2, groups: true));
        Check_stored(kind, "x w y", 1, 130, 200, 40, LinearPlan.Short(groups: true));
    }

    // A gradient with few columns and one with few rows; parts of two steps and one, of one step each, and a single one; more
    // than a tile's rows.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(GroupKinds))]
    public void Thin_gradients_are_added_up_from_parts(TestDevice kind)
    {
        Check_stored(kind, "x w y", 2, 150, 136, 72, new LinearPlan(LinearTile.Thin, 0, 2));
        Check_stored(kind, "x w y", 1, 150, 20, 400, new LinearPlan(LinearTile.Thin, 0, 3));
        Check_stored(kind, "w y", 1, 70, 104, 33, new LinearPlan(LinearTile.Thin, 0, 1));
    }

    // The columns beside a view are not numbers: one that is read would show. Chunks of the first view can be read and
    // written in place, those of the second cannot.
    [Theory(SkipTestWithoutData = true), MemberData(nameof(BFloat16Kinds))]
    public void A_view_of_bfloat16_columns_is_read_and_written_alone(TestDevice kind)
    {
        Check_view(kind, 70, 40, 72, 8);
        Check_view(kind, 9, 20, 12, 3);
    }

    public static TheoryData<TestDevice> GroupKinds => [.. BFloat16Kinds.Select(row => row.Data).Where(d => IsSimulated(d) || HasWarpGroups(d))];

    private static bool HasWarpGroups(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        return lease.Device.HasWarpGroups;
    }

    private static void Check_stored(TestDevice kind, string narrow, int batch, int m, int n, int k, LinearPlan? plan)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        ElementType typeOfX = Type(narrow, 'x'), typeOfW = Type(narrow, 'w'), typeOfY = Type(narrow, 'y');
        double[] x = Rounded(device, Data.Normal(1, batch * m * k)), w = Rounded(device, Data.Normal(2, batch * n * k));
        double[] b = Data.Normal(3, batch * n), dy = Rounded(device, Data.Normal(4, batch * m * n));
        double[] seedOfX = Rounded(device, Data.Normal(5, x.Length)), seedOfW = Data.Normal(6, w.Length);
        Tensor tx = arena.Upload(x, new(batch * m, k), typeOfX), tw = arena.Upload(w, new(batch * n, k), typeOfW);
        Tensor y = arena.Rent(new(batch * m, n), type: typeOfY), tdy = arena.Upload(dy, y.Shape, typeOfY);
        double absolute = 1.6e-5 * Math.Sqrt(Math.Max(Math.Max(m, n), k));

        LinearTensorCores.Forward(device, tx, tw, arena.Upload(b, new(batch, n)), y, batch, plan: plan);
        double[] sums = LinearReference.Forward(x, w, b, batch, m, n, k);
        y.ShouldBe(sums, Relative(typeOfY), absolute, "y");
        LinearTensorCores.Forward(device, tx, tw, arena.Upload(b, new(batch, n)), y, batch, Activation.Softplus, plan);
        y.ShouldBe([.. sums.Select(SoftplusReference.Of)], Relative(typeOfY), absolute, "softplus of y");

        double[][] expected = LinearReference.Adjoint(x, w, dy, batch, m, n, k);
        Tensor dx = arena.Rent(tx.Shape, type: typeOfX), dw = arena.Rent(tw.Shape);
        LinearTensorCores.Backward(device, tx, tw, tdy, new(dx, Add: false), new(dw, Add: false), batch, plan);
        dx.ShouldBe(expected[0], Relative(typeOfX), absolute, "dx");
        dw.ShouldBe(expected[1], 1e-5, absolute, "dw");

        dx.Upload([.. seedOfX.Select(v => (float)v)]);
        dw.Upload([.. seedOfW.Select(v => (float)v)]);
        LinearTensorCores.Backward(device, tx, tw, tdy, new(dx, Add: true), null, batch, plan);
        LinearTensorCores.Backward(device, tx, tw, tdy, null, new(dw, Add: true), batch, plan);
        dx.ShouldBe([.. expected[0].Zip(seedOfX, (a, s) => a + s)], Relative(typeOfX), absolute, "dx added");
        dw.ShouldBe([.. expected[1].Zip(seedOfW, (a, s) => a + s)], 1e-5, absolute, "dw added");
    }

    private static void Check_view(TestDevice kind, int m, int n, int k, int start)
    {
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        double[] x = Rounded(device, Data.Normal(1, m * k)), w = Rounded(device, Data.Normal(2, n * k));
        double[] dy = Rounded(device, Data.Normal(3, m * n));
        Tensor tw = Columns(arena, w, n, k, start).View;
        (Tensor wholeX, Tensor tx) = Columns(arena, x, m, k, start);
        (Tensor wholeY, Tensor y) = Columns(arena, dy, m, n, start);
        (Tensor wholeDx, Tensor dx) = Columns(arena, new double[x.Length], m, k, start);
        Tensor dw = arena.Rent(new(n, k));
        double[][] expected = LinearReference.Adjoint(x, w, dy, 1, m, n, k);
        Linear.Backward(device, tx, tw, y, new(dx, Add: false), new(dw, Add: false), null);
        Linear.Forward(device, tx, tw, null, y);
        double relative = Relative(ElementType.BFloat16), absolute = 1.6e-5 * Math.Sqrt(Math.Max(Math.Max(m, n), k));
        y.ShouldBe(LinearReference.Forward(x, w, null, 1, m, n, k), relative, absolute, "y");
        dx.ShouldBe(expected[0], relative, absolute, "dx");
        dw.ShouldBe(expected[1], 1e-5, absolute, "dw");
        Assert.All([wholeX, wholeY, wholeDx], whole => Assert.All(
            whole.ToArray().Where((_, i) => i % whole.Columns < start || i % whole.Columns >= whole.Columns - 8), v => Assert.True(float.IsNaN(v))));
    }

    /// <summary>Columns of a matrix in which all others are not numbers.</summary>
    private static (Tensor Whole, Tensor View) Columns(Arena arena, double[] values, int rows, int columns, int start)
    {
        int width = start + columns + 8;
        double[] all = [.. Enumerable.Range(0, rows * width).Select(i => i % width >= start && i % width < start + columns
            ? values[(i / width * columns) + (i % width) - start]
            : double.NaN)];
        Tensor whole = arena.Upload(all, new(rows, width), ElementType.BFloat16);
        return (whole, whole.Slice(start, columns));
    }

    // A result is rounded once, by at most half a unit of its 8 bits.
    private static double Relative(ElementType type) => type == ElementType.BFloat16 ? 1.0 / 256 : 1e-5;

    private static ElementType Type(string narrow, char name) =>
        narrow.Contains(name, StringComparison.Ordinal) ? ElementType.BFloat16 : ElementType.Float32;

    public static TheoryData<TestDevice> BFloat16Kinds => [.. Devices.Rounding.Where(d => d is TestDevice.SimtBf16 or TestDevice.CudaBf16)];

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
