using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>What becomes of sums before they are stored, as a type argument of the kernels that store them.</summary>
internal interface ISumsEnd
{
    /// <summary>Whether results may be added to what is there, as gradients are.</summary>
    static abstract bool Adds { get; }

    /// <summary>The elements of the result.</summary>
    static abstract FloatQuad Of(FloatQuad sums);

    /// <summary>The elements of a result that is rounded to bfloat16 next.</summary>
    static abstract FloatQuad OfNarrow(FloatQuad sums);
}

/// <summary>They are stored as they are.</summary>
internal readonly struct PlainEnd : ISumsEnd
{
    public static bool Adds => true;

    public static FloatQuad Of(FloatQuad sums) => sums;

    public static FloatQuad OfNarrow(FloatQuad sums) => sums;
}

/// <summary>ln(1 + e^x) of them is stored.</summary>
internal readonly struct SoftplusEnd : ISumsEnd
{
    public static bool Adds => false;

    public static FloatQuad Of(FloatQuad sums) => FloatQuad.Softplus(sums);

    public static FloatQuad OfNarrow(FloatQuad sums) => FloatQuad.NarrowSoftplus(sums);
}

/// <summary>Where sums go: C (M, N) for each of the batch, or, for parts, memory in the order of the threads.</summary>
internal readonly struct LinearPieces(int m, int n, Matrix bias, Matrix c, int start, Floats parts)
{
    // Whether 8 bfloat16 or 2 floats of C, the first of a column that they divide, can be written as one.
    private readonly int isAligned = IsAligned(c) ? 1 : 0;

    // Whether 8 of either can be written as one or two, the first of a column that they divide.
    private readonly int areEights = AreEights(c) ? 1 : 0;

    /// <summary>Floats that a part of a tile takes.</summary>
    public static int PartLength<TTile>()
        where TTile : struct, IWarpTile => TTile.WarpRows * TTile.WarpColumns * TensorCores.Side * TensorCores.Side;

    /// <summary>This thread's share of a tile.</summary>
    public LinearSums At<TTile>(WarpPiece piece)
        where TTile : struct, IWarpTile
    {
        int warp = Group.IdxX / TensorCores.Warp, lane = Group.IdxX % TensorCores.Warp;
        int row = ((piece.Row * TTile.WarpRows) + (warp / TTile.WarpColumns)) * TensorCores.Side;
        int column = ((piece.Column * TTile.WarpColumns) + (warp % TTile.WarpColumns)) * TensorCores.Side;
        return new(m, n, bias, c, start, this.isAligned, piece.Batch, row + (lane / 4), column, lane % 4);
    }

    /// <summary>A thread's share of 16 × 64.</summary>
    /// <param name="piece">The tile.</param>
    /// <param name="row">Its first row, from the tile's first.</param>
    /// <param name="column">The first column, likewise.</param>
    /// <param name="pair">Which of four pairs of 8 columns it has.</param>
    public LinearSums At<TTile>(WarpPiece piece, int row, int column, int pair)
        where TTile : struct, IWarpTile => new(
            m, n, bias, c, start, this.isAligned, piece.Batch, (piece.Row * TTile.WarpRows * TensorCores.Side) + row,
            (piece.Column * TTile.WarpColumns * TensorCores.Side) + column, pair);

    /// <summary>Writes a part.</summary>
    public void Keep<TTile>(int part, AccumulatorTile sums)
        where TTile : struct, IWarpTile
    {
        this.Keep<TTile>(part, 0, sums.R0);
        this.Keep<TTile>(part, 1, sums.R1);
        this.Keep<TTile>(part, 2, sums.R2);
        this.Keep<TTile>(part, 3, sums.R3);
    }

    /// <summary>Reads 16 rows of a part.</summary>
    public AccumulatorRow Kept<TTile>(int part, int row)
        where TTile : struct, IWarpTile
    {
        ArrayView<FloatQuad> quads = parts.View.Cast<FloatQuad>();
        long at = Place<TTile>(part, row);
        int gap = TTile.Threads;
        return new()
        {
            C0 = quads[at],
            C1 = quads[at + gap],
            C2 = quads[at + (2 * gap)],
            C3 = quads[at + (3 * gap)],
            C4 = quads[at + (4 * gap)],
            C5 = quads[at + (5 * gap)],
            C6 = quads[at + (6 * gap)],
            C7 = quads[at + (7 * gap)],
        };
    }

    /// <summary>Writes 16 rows of a part.</summary>
    public void Keep<TTile>(int part, int row, AccumulatorRow sums)
        where TTile : struct, IWarpTile
    {
        ArrayView<FloatQuad> quads = parts.View.Cast<FloatQuad>();
        long at = Place<TTile>(part, row);
        int gap = TTile.Threads;
        quads[at] = sums.C0;
        quads[at + gap] = sums.C1;
        quads[at + (2 * gap)] = sums.C2;
        quads[at + (3 * gap)] = sums.C3;
        quads[at + (4 * gap)] = sums.C4;
        quads[at + (5 * gap)] = sums.C5;
        quads[at + (6 * gap)] = sums.C6;
        quads[at + (7 * gap)] = sums.C7;
    }

    /// <summary>Writes the eights of 16 rows of a part whose first columns exist.</summary>
    /// <param name="part">The part.</param>
    /// <param name="row">Which 16 rows.</param>
    /// <param name="column">The first column.</param>
    /// <param name="sums">The sums.</param>
    public void KeepThin(int part, int row, int column, AccumulatorRow sums)
    {
        ArrayView<FloatQuad> quads = parts.View.Cast<FloatQuad>().SubView(Place<ThinTile>(part, row));
        KeepEight(quads, 0, n - column, sums.C0);
        KeepEight(quads, 1, n - column, sums.C1);
        KeepEight(quads, 2, n - column, sums.C2);
        KeepEight(quads, 3, n - column, sums.C3);
        KeepEight(quads, 4, n - column, sums.C4);
        KeepEight(quads, 5, n - column, sums.C5);
        KeepEight(quads, 6, n - column, sums.C6);
        KeepEight(quads, 7, n - column, sums.C7);
    }

    /// <summary>Adds up, over all parts of a tile in order, this thread's two rows and two columns of 16 rows × 8 columns, and stores them.</summary>
    /// <param name="whole">The tile.</param>
    /// <param name="first">Its first part.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="row">Which 16 rows.</param>
    /// <param name="eight">Which 8 columns of them.</param>
    public void FoldThin(WarpPiece whole, int first, int count, int row, int eight)
    {
        int warp = Group.IdxX / TensorCores.Warp, lane = Group.IdxX % TensorCores.Warp;
        int column = ThinTile.Column(warp, row) + (8 * eight);
        if (column >= n)
        {
            return;
        }

        int gap = PartLength<ThinTile>() / 4;
        ArrayView<FloatQuad> quads = parts.View.Cast<FloatQuad>().SubView(Place<ThinTile>(first, row) + (eight * ThinTile.Threads));
        FloatQuad sum = quads[0];
        for (int part = 1; part < count; part++)
        {
            sum += quads[part * gap];
        }

        int at = (whole.Row * ThinTile.WarpRows * TensorCores.Side) + ThinTile.Row(warp, row) + (lane / 4), pair = column + (2 * (lane % 4));
        this.StoreOne(whole.Batch, at, pair, sum.X);
        this.StoreOne(whole.Batch, at, pair + 1, sum.Y);
        this.StoreOne(whole.Batch, at + 8, pair, sum.Z);
        this.StoreOne(whole.Batch, at + 8, pair + 1, sum.W);
    }

    /// <summary>Rows of C from one on, at most the 16 of a warp.</summary>
    public int RowsFrom(int row) => Math.Min(m - row, 16);

    /// <summary>Writes 8 adjacent sums of a row, the first of a column that 8 divides, after adding the bias or what is there, as <typeparamref name="TEnd"/> makes them.</summary>
    public void Store<TEnd>(int batch, int row, int column, FloatQuad first, FloatQuad second)
        where TEnd : struct, ISumsEnd
    {
        if (column >= n)
        {
            return;
        }

        long at = (batch * c.BatchStride) + (row * c.RowStride) + column;
        bool isWhole = this.areEights != 0 && column + 7 < n;
        if (start == LinearStart.Bias)
        {
            long shift = (batch * bias.BatchStride) + column;
            first += Read(bias.Memory, shift, n - column);
            second += Read(bias.Memory, shift + 4, n - column - 4);
        }

        if (isWhole && c.Memory.IsNarrow != 0)
        {
            ArrayView<WordQuad> to = c.Memory.Halves.Cast<WordQuad>();
            if (TEnd.Adds && start == LinearStart.Add)
            {
                WordQuad before = to[at / 8];
                first += LinearSums.Widen(before.X, before.Y);
                second += LinearSums.Widen(before.Z, before.W);
            }

            to[at / 8] = BFloat16Operands.Round(TEnd.Of(first), TEnd.Of(second));
        }
        else if (isWhole)
        {
            ArrayView<FloatQuad> to = c.Memory.View.Cast<FloatQuad>();
            if (TEnd.Adds && start == LinearStart.Add)
            {
                FloatQuad before = to[at / 4], after = to[(at / 4) + 1];
                first += before;
                second += after;
            }

            to[at / 4] = TEnd.Of(first);
            to[(at / 4) + 1] = TEnd.Of(second);
        }
        else
        {
            this.StoreFew<TEnd>(at, n - column, first);
            this.StoreFew<TEnd>(at + 4, n - column - 4, second);
        }
    }

    // C may lie either way: four adjacent lanes have two of its sectors together, or eight that are four apart.
    private void StoreOne(int batch, int row, int column, float sum)
    {
        if (row < m && column < n)
        {
            long at = (batch * c.BatchStride) + (row * c.RowStride) + (column * c.ColumnStride);
            ThreadLane.Store(c.Memory, at, new(start == LinearStart.Add ? sum + ThreadLane.Read(c.Memory, at) : sum));
        }
    }

    private static void KeepEight(ArrayView<FloatQuad> quads, int eight, int left, FloatQuad sums)
    {
        if (8 * eight < left)
        {
            quads[eight * ThinTile.Threads] = sums;
        }
    }

    private void StoreFew<TEnd>(long at, int count, FloatQuad sums)
        where TEnd : struct, ISumsEnd
    {
        if (TEnd.Adds && start == LinearStart.Add)
        {
            sums += Read(c.Memory, at, count);
        }

        sums = TEnd.Of(sums);
        Write(c.Memory, at, count, 0, sums.X);
        Write(c.Memory, at, count, 1, sums.Y);
        Write(c.Memory, at, count, 2, sums.Z);
        Write(c.Memory, at, count, 3, sums.W);
    }

    private static void Write(Floats memory, long at, int count, int i, float sum)
    {
        if (i < count)
        {
            ThreadLane.Store(memory, at + i, new(sum));
        }
    }

    private static FloatQuad Read(Floats memory, long at, int count) => new(
        count > 0 ? ThreadLane.Read(memory, at) : 0f, count > 1 ? ThreadLane.Read(memory, at + 1) : 0f,
        count > 2 ? ThreadLane.Read(memory, at + 2) : 0f, count > 3 ? ThreadLane.Read(memory, at + 3) : 0f);

    private static bool AreEights(Matrix c)
    {
        nint address = c.Memory.IsNarrow != 0 ? c.Memory.Halves.LoadEffectiveAddressAsPtr() : c.Memory.View.LoadEffectiveAddressAsPtr();
        int elements = c.Memory.IsNarrow != 0 ? 8 : 4;
        return address % 16 == 0 && c.RowStride % elements == 0 && c.BatchStride % elements == 0;
    }

    /// <summary>Whether 8 bfloat16 or 2 floats, the first of a column that they divide, are aligned.</summary>
    public static bool IsAligned(Matrix c)
    {
        nint address = c.Memory.IsNarrow != 0 ? c.Memory.Halves.LoadEffectiveAddressAsPtr() : c.Memory.View.LoadEffectiveAddressAsPtr();
        int bytes = c.Memory.IsNarrow != 0 ? 16 : 8, elements = c.Memory.IsNarrow != 0 ? 8 : 2;
        return address % bytes == 0 && c.RowStride % elements == 0 && c.BatchStride % elements == 0;
    }

    private static long Place<TTile>(int part, int row)
        where TTile : struct, IWarpTile => ((((long)part * TTile.Parts) + row) * 8 * TTile.Threads) + Group.IdxX;
}
