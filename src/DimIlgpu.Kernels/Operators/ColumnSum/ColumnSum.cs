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

    // Elements that a thread of the CPU adds up sooner than a second one has heard of them.
    private const long WorthSharing = 1 << 15;

    // A quarter of the threads that an H100 holds.
    private const int EnoughQuads = 1 << 16;

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
        int parts = device.Kind == DeviceKind.Cpu
            ? Parts(rows)
            : EvenParts(y.Tensor.Rows * QuadPlace.Groups(x.Columns), rows);
        RowRuns runs = RowRuns.Parts(rows, parts, RowSumGroups<FloatQuad>.Unit);
        if (parts == 1 && SumRows(device, x, y, runs))
        {
            return;
        }

        using ArenaScope scope = device.Scratch.Scope();
        Tensor partial = device.Scratch.Rent(new(y.Tensor.Rows * parts, x.Columns));
        if (!SumRows(device, x, new(partial, Add: false), runs))
        {
            device.Strips(
                new ColumnSumPartial(x.Memory, partial.Memory, x.Pitch, x.Columns, rows, parts), partial.Rows, x.Columns,
                alone: x.Shape.Length < WorthSharing);
        }

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

    /// <summary>Sums rows four columns a thread, where a device has threads and the columns lie so; see <see cref="RowSumGroups{TStored}"/>.</summary>
    /// <returns>Whether it did.</returns>
    internal static bool SumRows(Device device, Tensor x, Sink y, RowRuns runs)
    {
        if (device.Kind == DeviceKind.Cpu || !Stored.IsAligned(x, 4))
        {
            return false;
        }

        Target to = Target.Of(y, x);
        if (x.ElementType == ElementType.BFloat16)
        {
            QuadPlace.Launch(
                device, new RowSumGroups<NarrowQuad>(x.Memory, to, x.Pitch, x.Columns, runs), y.Tensor.Rows, x.Columns,
                RowSumGroups<NarrowQuad>.Teams);
        }
        else
        {
            QuadPlace.Launch(
                device, new RowSumGroups<FloatQuad>(x.Memory, to, x.Pitch, x.Columns, runs), y.Tensor.Rows, x.Columns,
                RowSumGroups<FloatQuad>.Teams);
        }

        return true;
    }

    /// <summary>How many parts the rows of a group are divided into: by shape alone.</summary>
    internal static int Parts(long rows) =>
        (int)Math.Clamp((rows + FewestRows - 1) / FewestRows, 1, MostParts);

    /// <summary>Parts of the rows of each of some groups: of as many rows as may be, for each leaves its sums, but enough parts for a large GPU.</summary>
    /// <param name="groups">How many groups are divided alike.</param>
    /// <param name="rows">Rows of a group.</param>
    /// <param name="most">The most rows of a part, a power of two.</param>
    /// <param name="enough">Parts of all groups together that are enough.</param>
    /// <param name="least">The fewest rows of a part, where there are as many, a power of two.</param>
    internal static int Parts(long groups, long rows, int most, int enough, int least = 4)
    {
        while (most > least && groups * ((rows + most - 1) / most) < enough)
        {
            most /= 2;
        }

        return (int)Math.Min((rows + most - 1) / most, 1024);
    }

    /// <summary>Parts of the rows of each of some groups, of whole units, that keep the multiprocessors of a large GPU busy alike.</summary>
    /// <param name="groups">Groups of threads that a part has.</param>
    /// <param name="rows">Rows that are divided.</param>
    private static int EvenParts(long groups, long rows)
    {
        // Multiprocessors of an H100; groups of threads on one that keep its memory busy, and the most that are worth their sums.
        const int Processors = 132, Enough = 3, Most = 8;
        long units = (rows + RowSumGroups<FloatQuad>.Unit - 1) / RowSumGroups<FloatQuad>.Unit, least = long.MaxValue;
        int best = 1;
        for (int parts = 1; parts <= units && (parts == 1 || groups * parts <= Most * Processors); parts++)
        {
            long rounds = Math.Max(Enough, ((groups * parts) + Processors - 1) / Processors), time = rounds * ((units + parts - 1) / parts);
            if (time < least)
            {
                (least, best) = (time, parts);
            }
        }

        return best;
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
        // Threads enough for each to add up its parts alone.
        long quads = y.Tensor.Rows * (partial.Columns / 4);
        if (quads is >= EnoughQuads and <= int.MaxValue && Stored.IsQuad(device, partial) && (long)parts * partial.Columns <= int.MaxValue)
        {
            device.Groups(
                new ColumnSumFoldQuads(partial.Memory, Target.Of(y, partial), partial.Columns, parts, (int)quads),
                new((int)((quads + ColumnSumFoldQuads.Threads - 1) / ColumnSumFoldQuads.Threads), 1, 1), ColumnSumFoldQuads.Threads);
            return;
        }

        // Few parts keep few of a group's threads busy.
        if (device.Kind != DeviceKind.Cpu && parts >= 2 * ColumnSumFoldGroups.Teams && (long)parts * partial.Columns <= int.MaxValue)
        {
            Fold(device, partial, parts, y, null, partial.Columns);
            return;
        }

        device.Strips(
            new ColumnSumFold(partial.Memory, y.Tensor.Memory, y.Tensor.Pitch, partial.Columns, parts, y.Add ? 1 : 0),
            y.Tensor.Rows, y.Tensor.Columns, alone: partial.Shape.Length < WorthSharing);
    }

    /// <summary>The second stage on a GPU, where the columns are those of two sums side by side.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="partial">Partial sums, (groups · parts, columns), dense, float32.</param>
    /// <param name="parts">Parts per group.</param>
    /// <param name="first">Receives columns 0 … split − 1, (groups, split); null where not wanted.</param>
    /// <param name="second">Receives the others, (groups, columns − split); null where not wanted.</param>
    /// <param name="split">The first column of the second.</param>
    internal static void Fold(Device device, Tensor partial, int parts, Sink? first, Sink? second, int split)
    {
        long groups = partial.Rows / parts * ((partial.Columns + ColumnSumFoldGroups.Columns - 1) / ColumnSumFoldGroups.Columns);
        device.Groups(
            new ColumnSumFoldGroups(
                partial.Memory, Target.Of(first, partial), Target.Of(second, partial), split, partial.Columns, parts),
            new(checked((int)groups), 1, 1), ColumnSumFoldGroups.Columns * ColumnSumFoldGroups.Teams);
    }
}
