using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>What becomes of sums before they are stored, as a type argument of the kernels that store them.</summary>
internal interface ISumsEnd
{
    /// <summary>The elements of the result.</summary>
    static abstract FloatQuad Of(FloatQuad sums);
}

/// <summary>They are stored as they are.</summary>
internal readonly struct PlainEnd : ISumsEnd
{
    public static FloatQuad Of(FloatQuad sums) => sums;
}

/// <summary>ln(1 + e^x) of them is stored.</summary>
internal readonly struct SoftplusEnd : ISumsEnd
{
    public static FloatQuad Of(FloatQuad sums) => FloatQuad.Softplus(sums);
}

/// <summary>Where sums go: C (M, N) for each of the batch, or, for parts, memory in the order of the threads.</summary>
internal readonly struct LinearPieces(int m, int n, Matrix bias, Matrix c, int start, Floats parts)
{
    // Whether 8 bfloat16 or 2 floats of C, the first of a column that they divide, can be written as one; and two of the
    // bias, if they are floats, read.
    private readonly int isAligned = IsAligned(c) ? 1 : 0;
    private readonly int isBiasPaired = bias.Memory.IsNarrow == 0 && IsAligned(bias) ? 1 : 0;

    /// <summary>Floats that a part of a tile takes.</summary>
    public static int PartLength<TTile>()
        where TTile : struct, IWarpTile => TTile.WarpRows * TTile.WarpColumns * TensorCores.Side * TensorCores.Side;

    /// <summary>This thread's share of a tile.</summary>
    public LinearSums At<TTile>(WarpPiece piece)
        where TTile : struct, IWarpTile
    {
        int warp = Group.IdxX / TensorCores.Warp;
        return this.Sums(
            piece.Batch,
            ((piece.Row * TTile.WarpRows) + (warp / TTile.WarpColumns)) * TensorCores.Side,
            ((piece.Column * TTile.WarpColumns) + (warp % TTile.WarpColumns)) * TensorCores.Side);
    }

    /// <summary>This thread's share of the sums of a warp that begin at a row and a column.</summary>
    public LinearSums Sums(int batch, int row, int column)
    {
        int lane = Group.IdxX % TensorCores.Warp;
        return new(m, n, bias, c, start, this.isAligned, this.isBiasPaired, batch, row + (lane / 4), column, lane % 4);
    }

    /// <summary>Writes a part.</summary>
    public void Keep<TTile>(int part, AccumulatorTile sums)
        where TTile : struct, IWarpTile
    {
        this.Keep<TTile>(part, 0, sums.R0);
        this.Keep<TTile>(part, 1, sums.R1);
        this.Keep<TTile>(part, 2, sums.R2);
        this.Keep<TTile>(part, 3, sums.R3);
    }

    /// <summary>Reads 16 rows of a part, of whose columns the left or the right half.</summary>
    public AccumulatorStrip Kept<TTile>(int part, int row, int half)
        where TTile : struct, IWarpTile
    {
        ArrayView<FloatQuad> quads = parts.View.Cast<FloatQuad>().SubView(Place<TTile>(part, row, half));
        int gap = Threads<TTile>();
        return new() { C0 = quads[0], C1 = quads[gap], C2 = quads[2 * gap], C3 = quads[3 * gap] };
    }

    private void Keep<TTile>(int part, int row, AccumulatorRow sums)
        where TTile : struct, IWarpTile
    {
        this.Keep<TTile>(part, row, 0, sums.Left);
        this.Keep<TTile>(part, row, 1, sums.Right);
    }

    private void Keep<TTile>(int part, int row, int half, AccumulatorStrip sums)
        where TTile : struct, IWarpTile
    {
        ArrayView<FloatQuad> quads = parts.View.Cast<FloatQuad>().SubView(Place<TTile>(part, row, half));
        int gap = Threads<TTile>();
        quads[0] = sums.C0;
        quads[gap] = sums.C1;
        quads[2 * gap] = sums.C2;
        quads[3 * gap] = sums.C3;
    }

    private static bool IsAligned(Matrix c)
    {
        nint address = c.Memory.IsNarrow != 0 ? c.Memory.Halves.LoadEffectiveAddressAsPtr() : c.Memory.View.LoadEffectiveAddressAsPtr();
        int bytes = c.Memory.IsNarrow != 0 ? 16 : 8, elements = c.Memory.IsNarrow != 0 ? 8 : 2;
        return address % bytes == 0 && c.RowStride % elements == 0 && c.BatchStride % elements == 0;
    }

    private static int Threads<TTile>()
        where TTile : struct, IWarpTile => TTile.WarpRows * TTile.WarpColumns * TensorCores.Warp;

    private static long Place<TTile>(int part, int row, int half)
        where TTile : struct, IWarpTile => ((((((long)part * 4) + row) * 2) + half) * 4 * Threads<TTile>()) + Group.IdxX;
}

/// <summary>What a thread adds to the 64 columns of each row of sums: two of each 8.</summary>
internal struct ColumnPairs
{
    public FloatPair P0, P1, P2, P3, P4, P5, P6, P7;
}

/// <summary>
/// A thread's share of a warp's sums in C: rows m and m + 8 of each 16, and of each 8 columns from n on the pair
/// <paramref name="pair"/>.
/// </summary>
/// <remarks>
/// bfloat16 is written 16 bytes at a time: four adjacent lanes, which hold a pair each of the same 8 columns, exchange them
/// first. Pairs of floats are 32 bytes from four lanes already.
/// </remarks>
internal readonly struct LinearSums(
    int height, int width, Matrix bias, Matrix c, int start, int isAligned, int isBiasPaired, int batch, int m, int n, int pair)
{
    /// <summary>Chunks of 16 bytes of shared memory that <see cref="StoreWhole"/> needs.</summary>
    public const int StageChunks = WholeRows * RowChunks;

    // Rows of the sums that are written through shared memory.
    private const int WholeRows = TensorCores.Side / 2;

    // A row of the warp's sums is 128 bytes.
    private const int RowChunks = TensorCores.Side / 8;
    private const int RowWords = 4 * RowChunks;

    // Rows that a warp moves at once, 16 bytes a thread.
    private const int RowsAtOnce = TensorCores.Warp / RowChunks;

    public static AccumulatorStrip Add(AccumulatorStrip x, AccumulatorStrip y) =>
        new() { C0 = x.C0 + y.C0, C1 = x.C1 + y.C1, C2 = x.C2 + y.C2, C3 = x.C3 + y.C3 };

    /// <summary>Writes the sums of 16 rows, after adding the bias or what is there, as <typeparamref name="TEnd"/> makes them.</summary>
    public void Store<TEnd>(AccumulatorRow sums, int sixteen)
        where TEnd : struct, ISumsEnd
    {
        int row = m + (16 * sixteen);
        AccumulatorStrip left = this.Started(sums.Left, row, 0), right = this.Started(sums.Right, row, 32);
        this.Write<TEnd>(left, row, 0);
        this.Write<TEnd>(right, row, 32);
    }

    /// <summary>The same for the left or the right half of the columns.</summary>
    public void Store<TEnd>(AccumulatorStrip sums, int sixteen, int half)
        where TEnd : struct, ISumsEnd
    {
        int row = m + (16 * sixteen);
        this.Write<TEnd>(this.Started(sums, row, 32 * half), row, 32 * half);
    }

    /// <summary>Whether all of the warp's 32 × 64 sums are there, and are chunks of bfloat16.</summary>
    public bool IsWhole => c.Memory.IsNarrow != 0 && isAligned != 0 && (m | (WholeRows - 1)) < height && n + TensorCores.Side <= width;

    /// <summary>Writes 32 × 64 sums through shared memory, whole rows of 128 bytes, after adding the bias or what is there; only where <see cref="IsWhole"/>.</summary>
    /// <param name="stage">A warp's shared memory.</param>
    /// <param name="sums">The sums.</param>
    /// <param name="shift">The bias, from <see cref="Bias()"/>.</param>
    /// <remarks>Chunk c of row r stands at c ^ (r % 8), so that neither pairs nor chunks meet in a bank.</remarks>
    public void StoreWhole<TEnd>(ArrayView<WordQuad> stage, AccumulatorHalf sums, ColumnPairs shift)
        where TEnd : struct, ISumsEnd
    {
        int lane = Group.IdxX % TensorCores.Warp, row = lane / RowChunks, chunk = lane % RowChunks;
        int pitch = (int)(c.RowStride / 8);
        long at = (this.At(m & -WholeRows) + n) / 8;
        ArrayView<WordQuad> to = c.Memory.Halves.Cast<WordQuad>().SubView(at + ((long)row * pitch) + chunk);
        int even = (row * RowChunks) + (chunk ^ row), odd = ((row + RowsAtOnce) * RowChunks) + (chunk ^ (row + RowsAtOnce));
        if (start == LinearStart.Add)
        {
            const int gap = 2 * RowsAtOnce * RowChunks, copies = WholeRows / RowsAtOnce / 2;
            int stride = 2 * RowsAtOnce * 16 * pitch;
            TensorCores.Copy(ref stage[even], gap, ref to[0], 0, stride, -1, 0, copies);
            TensorCores.Copy(ref stage[odd], gap, ref to[0], (long)RowsAtOnce * 16 * pitch, stride, -1, 0, copies);
            TensorCores.CommitCopies();
            TensorCores.AwaitCopies(0);
            Warp.Barrier();
        }

        int upper = m % 8, own = pair + (4 * upper);
        ArrayView<int> pairs = stage.Cast<int>().SubView(upper * RowWords);
        if (start == LinearStart.Add)
        {
            sums = new() { R0 = Add(sums.R0, Staged(pairs, own, 0)), R1 = Add(sums.R1, Staged(pairs, own, 1)) };
        }
        else if (start == LinearStart.Bias)
        {
            sums = new() { R0 = Add(sums.R0, shift), R1 = Add(sums.R1, shift) };
        }

        Stage<TEnd>(pairs, own, sums.R0, 0);
        Stage<TEnd>(pairs, own, sums.R1, 1);
        Warp.Barrier();

        // All rows are read before the first is written: the compiler moves no read above a write.
        const int gapOfRows = 2 * RowsAtOnce * RowChunks;
        ArrayView<WordQuad> evens = stage.SubView(even), odds = stage.SubView(odd);
        WordQuad row0 = evens[0], row4 = odds[0], row8 = evens[gapOfRows], row12 = odds[gapOfRows];
        WordQuad row16 = evens[2 * gapOfRows], row20 = odds[2 * gapOfRows], row24 = evens[3 * gapOfRows], row28 = odds[3 * gapOfRows];
        to[0] = row0;
        to[4 * pitch] = row4;
        to[8 * pitch] = row8;
        to[12 * pitch] = row12;
        to[16 * pitch] = row16;
        to[20 * pitch] = row20;
        to[24 * pitch] = row24;
        to[28 * pitch] = row28;
    }

    /// <summary>What the bias, if there is one, has for the thread's columns.</summary>
    public ColumnPairs Bias()
    {
        ColumnPairs pairs = default;
        if (start == LinearStart.Bias)
        {
            pairs = new()
            {
                P0 = this.Bias(0),
                P1 = this.Bias(8),
                P2 = this.Bias(16),
                P3 = this.Bias(24),
                P4 = this.Bias(32),
                P5 = this.Bias(40),
                P6 = this.Bias(48),
                P7 = this.Bias(56),
            };
        }

        return pairs;
    }

    private static void Stage<TEnd>(ArrayView<int> pairs, int own, AccumulatorRow sums, int sixteen)
        where TEnd : struct, ISumsEnd
    {
        ArrayView<int> rows = pairs.SubView(16 * sixteen * RowWords);
        Stage<TEnd>(rows, own, sums.Left);
        Stage<TEnd>(rows, own ^ 16, sums.Right);
    }

    private static void Stage<TEnd>(ArrayView<int> rows, int own, AccumulatorStrip sums)
        where TEnd : struct, ISumsEnd
    {
        Stage(rows, own, TEnd.Of(sums.C0));
        Stage(rows, own ^ 4, TEnd.Of(sums.C1));
        Stage(rows, own ^ 8, TEnd.Of(sums.C2));
        Stage(rows, own ^ 12, TEnd.Of(sums.C3));
    }

    private static void Stage(ArrayView<int> rows, int own, FloatQuad sums)
    {
        ArrayView<int> pair = rows.SubView(own);
        pair[0] = TensorCores.RoundBFloat16(sums.X, sums.Y);
        pair[8 * RowWords] = TensorCores.RoundBFloat16(sums.Z, sums.W);
    }

    private static AccumulatorRow Staged(ArrayView<int> pairs, int own, int sixteen)
    {
        ArrayView<int> rows = pairs.SubView(16 * sixteen * RowWords);
        return new() { Left = Staged(rows, own), Right = Staged(rows, own ^ 16) };
    }

    private static AccumulatorStrip Staged(ArrayView<int> rows, int own) => new()
    {
        C0 = StagedPair(rows, own),
        C1 = StagedPair(rows, own ^ 4),
        C2 = StagedPair(rows, own ^ 8),
        C3 = StagedPair(rows, own ^ 12),
    };

    private static FloatQuad StagedPair(ArrayView<int> rows, int own)
    {
        ArrayView<int> pair = rows.SubView(own);
        return Widen(pair[0], pair[8 * RowWords]);
    }

    private static WordQuad Upper(AccumulatorStrip sums) => new()
    {
        X = TensorCores.RoundBFloat16(sums.C0.X, sums.C0.Y),
        Y = TensorCores.RoundBFloat16(sums.C1.X, sums.C1.Y),
        Z = TensorCores.RoundBFloat16(sums.C2.X, sums.C2.Y),
        W = TensorCores.RoundBFloat16(sums.C3.X, sums.C3.Y),
    };

    private static WordQuad Lower(AccumulatorStrip sums) => new()
    {
        X = TensorCores.RoundBFloat16(sums.C0.Z, sums.C0.W),
        Y = TensorCores.RoundBFloat16(sums.C1.Z, sums.C1.W),
        Z = TensorCores.RoundBFloat16(sums.C2.Z, sums.C2.W),
        W = TensorCores.RoundBFloat16(sums.C3.Z, sums.C3.W),
    };

    private static AccumulatorRow Add(AccumulatorRow x, AccumulatorRow y) => new() { Left = Add(x.Left, y.Left), Right = Add(x.Right, y.Right) };

    private static AccumulatorRow Add(AccumulatorRow x, ColumnPairs y) => new()
    {
        Left = new() { C0 = Add(x.Left.C0, y.P0), C1 = Add(x.Left.C1, y.P1), C2 = Add(x.Left.C2, y.P2), C3 = Add(x.Left.C3, y.P3) },
        Right = new() { C0 = Add(x.Right.C0, y.P4), C1 = Add(x.Right.C1, y.P5), C2 = Add(x.Right.C2, y.P6), C3 = Add(x.Right.C3, y.P7) },
    };

    // The same to both rows.
    private static FloatQuad Add(FloatQuad x, FloatPair y) => new(x.X + y.X, x.Y + y.Y, x.Z + y.X, x.W + y.Y);

    private AccumulatorStrip Started(AccumulatorStrip sums, int row, int from)
    {
        if (start == LinearStart.Bias)
        {
            return new()
            {
                C0 = Add(sums.C0, this.Bias(from)),
                C1 = Add(sums.C1, this.Bias(from + 8)),
                C2 = Add(sums.C2, this.Bias(from + 16)),
                C3 = Add(sums.C3, this.Bias(from + 24)),
            };
        }

        if (start == LinearStart.Add && c.Memory.IsNarrow != 0)
        {
            return Add(sums, this.ReadNarrow(row, from));
        }

        return start == LinearStart.Add
            ? Add(sums, new() { C0 = this.Read(row, from), C1 = this.Read(row, from + 8), C2 = this.Read(row, from + 16), C3 = this.Read(row, from + 24) })
            : sums;
    }

    private void Write<TEnd>(AccumulatorStrip sums, int row, int from)
        where TEnd : struct, ISumsEnd
    {
        sums = new() { C0 = TEnd.Of(sums.C0), C1 = TEnd.Of(sums.C1), C2 = TEnd.Of(sums.C2), C3 = TEnd.Of(sums.C3) };
        if (c.Memory.IsNarrow != 0)
        {
            this.WriteNarrow(Upper(sums), row, from);
            this.WriteNarrow(Lower(sums), row + 8, from);
        }
        else
        {
            this.Write(sums.C0, row, from);
            this.Write(sums.C1, row, from + 8);
            this.Write(sums.C2, row, from + 16);
            this.Write(sums.C3, row, from + 24);
        }
    }

    private long At(int row) => (batch * c.BatchStride) + (row * c.RowStride);

    private FloatPair Bias(int eight)
    {
        int column = n + eight + (2 * pair);
        long at = (batch * bias.BatchStride) + column;
        if (isBiasPaired != 0 && column + 1 < width)
        {
            return bias.Memory.View.Cast<FloatPair>()[at / 2];
        }

        return new(column < width ? ThreadLane.Read(bias.Memory, at) : 0f, column + 1 < width ? ThreadLane.Read(bias.Memory, at + 1) : 0f);
    }

    private FloatQuad Read(int row, int eight)
    {
        int column = n + eight + (2 * pair);
        FloatPair first = this.ReadPair(row, column), second = this.ReadPair(row + 8, column);
        return new() { X = first.X, Y = first.Y, Z = second.X, W = second.Y };
    }

    private FloatPair ReadPair(int row, int column)
    {
        long at = this.At(row) + column;
        return new()
        {
            X = row < height && column < width ? ThreadLane.Read(c.Memory, at) : 0f,
            Y = row < height && column + 1 < width ? ThreadLane.Read(c.Memory, at + 1) : 0f,
        };
    }

    private void Write(FloatQuad sums, int row, int eight)
    {
        int column = n + eight + (2 * pair);
        this.WritePair(new() { X = sums.X, Y = sums.Y }, row, column);
        this.WritePair(new() { X = sums.Z, Y = sums.W }, row + 8, column);
    }

    private void WritePair(FloatPair sums, int row, int column)
    {
        if (row < height && column < width)
        {
            long at = this.At(row) + column;
            if (isAligned != 0 && column + 1 < width)
            {
                c.Memory.View.Cast<FloatPair>()[at / 2] = sums;
                return;
            }

            c.Memory.View[at] = sums.X;
            if (column + 1 < width)
            {
                c.Memory.View[at + 1] = sums.Y;
            }
        }
    }

    // As they are written: 16 bytes at a time, which four adjacent lanes then exchange.
    private AccumulatorStrip ReadNarrow(int row, int from)
    {
        WordQuad upper = this.ReadEights(row, from), lower = this.ReadEights(row + 8, from);
        return new()
        {
            C0 = Widen(upper.X, lower.X),
            C1 = Widen(upper.Y, lower.Y),
            C2 = Widen(upper.Z, lower.Z),
            C3 = Widen(upper.W, lower.W),
        };
    }

    private static FloatQuad Widen(int upper, int lower) => new()
    {
        X = Interop.IntAsFloat((uint)upper << 16),
        Y = Interop.IntAsFloat((uint)upper & 0xFFFF0000),
        Z = Interop.IntAsFloat((uint)lower << 16),
        W = Interop.IntAsFloat((uint)lower & 0xFFFF0000),
    };

    private WordQuad ReadEights(int row, int from)
    {
        WordQuad eight = default;
        int column = n + from + (8 * pair);
        if (row < height && column < width)
        {
            long at = this.At(row) + column;
            if (isAligned != 0 && column + 7 < width)
            {
                eight = c.Memory.Halves.Cast<WordQuad>()[at / 8];
            }
            else
            {
                eight.X = this.ReadTwo(at, column);
                eight.Y = this.ReadTwo(at + 2, column + 2);
                eight.Z = this.ReadTwo(at + 4, column + 4);
                eight.W = this.ReadTwo(at + 6, column + 6);
            }
        }

        return TensorCores.Transpose(eight);
    }

    private int ReadTwo(long at, int column)
    {
        int two = column < width ? c.Memory.Halves[at] : 0;
        return column + 1 < width ? two | (c.Memory.Halves[at + 1] << 16) : two;
    }

    /// <summary>Writes the pairs of four times 8 columns that four adjacent lanes have of a row.</summary>
    private void WriteNarrow(WordQuad pairs, int row, int from)
    {
        WordQuad eight = TensorCores.Transpose(pairs);
        int column = n + from + (8 * pair);
        if (row < height && column < width)
        {
            long at = this.At(row) + column;
            if (isAligned != 0 && column + 7 < width)
            {
                c.Memory.Halves.Cast<WordQuad>()[at / 8] = eight;
                return;
            }

            this.WriteNarrow(eight.X, at, column);
            this.WriteNarrow(eight.Y, at + 2, column + 2);
            this.WriteNarrow(eight.Z, at + 4, column + 4);
            this.WriteNarrow(eight.W, at + 6, column + 6);
        }
    }

    private void WriteNarrow(int two, long at, int column)
    {
        if (column < width)
        {
            c.Memory.Halves[at] = (ushort)two;
        }

        if (column + 1 < width)
        {
            c.Memory.Halves[at + 1] = (ushort)(two >> 16);
        }
    }
}
