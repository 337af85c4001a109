namespace DimIlgpu.Kernels;

/// <summary>The sum over groups of rows, column by column.</summary>
/// <remarks>
/// <para>y[g,c] = Σ_{r in group g} x[r,c], the rows of a group being adjacent.</para>
/// <para>dx[r,c] += dy[group of r, c].</para>
/// <para>
/// Every reduction over rows in this library ends in the same two stages: partial sums over a partition that
/// depends on the shape alone, then a sum over the parts in order. So the result does not depend on how many
/// threads there are, and no atomic is needed.
/// </para>
/// </remarks>
public static class ColumnSum
{
    private const int MostParts = 64;
    private const int FewestRows = 32;

    // A GPU has room for more parts at once; they are then added up in two steps.
    private const int MostGpuParts = 512;
    private const int LastParts = 16;

    /// <summary>Sums the rows of each group.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Input, (groups · rows per group, columns).</param>
    /// <param name="y">Receives the sums, (groups, columns).</param>
    /// <exception cref="ArgumentException">The columns differ, or the groups do not divide the rows.</exception>
    public static void Forward(Device device, Tensor x, Sink y)
    {
        Check.NotEmpty(x);
        Check.Shape(y.Tensor, new(y.Tensor.Rows, x.Columns), nameof(y));
        Check.Divides(y.Tensor.Rows, x.Rows, nameof(x));
        long rows = x.Rows / y.Tensor.Rows;
        int parts = Parts(device, rows);
        using ArenaScope scope = device.Scratch.Scope();
        Tensor partial = device.Scratch.Rent(new(y.Tensor.Rows * parts, x.Columns));
        device.Strips(
            new ColumnSumPartial(x.Memory, partial.Memory, x.Pitch, x.Columns, rows, parts), partial.Rows, x.Columns);
        Fold(device, partial, parts, y);
    }

    /// <summary>Spreads dy over the rows of each group.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="dy">Gradient of the output, (groups, columns).</param>
    /// <param name="dx">Gradient of the input, (groups · rows per group, columns).</param>
    public static void Backward(Device device, Tensor dy, Sink dx)
    {
        Check.Divides(dy.Rows, dx.Tensor.Rows, nameof(dx));
        device.Strips(
            new ColumnSumBackward(
                dy.Memory, dx.Tensor.Memory, dy.Pitch, dx.Tensor.Pitch, dx.Tensor.Rows / dy.Rows, dx.Add ? 1 : 0),
            dx.Tensor.Rows, dx.Tensor.Columns);
    }

    /// <summary>How many parts the rows of a group are divided into: by shape alone.</summary>
    internal static int Parts(long rows) =>
        (int)Math.Clamp((rows + FewestRows - 1) / FewestRows, 1, MostParts);

    /// <summary>The same for a long column: on a GPU more of them, a multiple of <see cref="LastParts"/>.</summary>
    private static int Parts(Device device, long rows)
    {
        int parts = (int)Math.Min((rows + FewestRows - 1) / FewestRows, MostGpuParts) / LastParts * LastParts;
        return device.Kind == DeviceKind.Cpu || parts <= MostParts ? Parts(rows) : parts;
    }

    /// <summary>The first row of part <paramref name="part"/> when <paramref name="rows"/> rows are divided evenly.</summary>
    internal static long Begin(long rows, int part, int parts) => rows * part / parts;

    /// <summary>The second stage: sums the parts of each group in order.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="partial">Partial sums, (groups · parts, columns), dense.</param>
    /// <param name="parts">Parts per group.</param>
    /// <param name="y">Receives the sums, (groups, columns).</param>
    internal static void Fold(Device device, Tensor partial, int parts, Sink y)
    {
        if (parts <= MostParts)
        {
            device.Strips(
                new ColumnSumFold(partial.Memory, y.Tensor.Memory, y.Tensor.Pitch, partial.Columns, parts, y.Add ? 1 : 0),
                y.Tensor.Rows, y.Tensor.Columns);
            return;
        }

        using ArenaScope scope = device.Scratch.Scope();
        Tensor last = device.Scratch.Rent(new(y.Tensor.Rows * LastParts, partial.Columns));
        Fold(device, partial, parts / LastParts, new(last, Add: false));
        Fold(device, last, LastParts, y);
    }
}
