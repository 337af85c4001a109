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
}

/// <summary>They are stored as they are.</summary>
internal readonly struct PlainEnd : ISumsEnd
{
    public static bool Adds => true;

    public static FloatQuad Of(FloatQuad sums) => sums;
}

/// <summary>ln(1 + e^x) of them is stored.</summary>
internal readonly struct SoftplusEnd : ISumsEnd
{
    public static bool Adds => false;

    public static FloatQuad Of(FloatQuad sums) => FloatQuad.Softplus(sums);
}

/// <summary>Where sums go: C (M, N) for each of the batch, or, for parts, memory in the order of the threads.</summary>
internal readonly struct LinearPieces(int m, int n, Matrix bias, Matrix c, int start, Floats parts)
{
    // Whether 8 bfloat16 or 2 floats of C, the first of a column that they divide, can be written as one.
    private readonly int isAligned = IsAligned(c) ? 1 : 0;

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

    /// <summary>Whether 8 bfloat16 or 2 floats, the first of a column that they divide, are aligned.</summary>
    public static bool IsAligned(Matrix c)
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

/// <summary>
/// A thread's share of a warp's 64 × 64 sums in C: rows m and m + 8 of each 16, and of each 8 columns from n on the pair
/// <paramref name="pair"/>.
/// </summary>
/// <remarks>
/// bfloat16 is written 16 bytes at a time: four adjacent lanes, which hold a pair each of the same 8 columns, exchange them
/// first. Pairs of floats are 32 bytes from four lanes already.
/// </remarks>
internal readonly struct LinearSums(
    int height, int width, Matrix bias, Matrix c, int start, int isAligned, int batch, int m, int n, int pair)
{
    public static AccumulatorStrip Add(AccumulatorStrip x, AccumulatorStrip y) =>
        new() { C0 = x.C0 + y.C0, C1 = x.C1 + y.C1, C2 = x.C2 + y.C2, C3 = x.C3 + y.C3 };

    /// <summary>Writes the sums of 16 rows, after adding the bias or what is there, as <typeparamref name="TEnd"/> makes them.</summary>
    public void Store<TEnd>(AccumulatorRow sums, int sixteen)
        where TEnd : struct, ISumsEnd
    {
        int row = m + (16 * sixteen);
        AccumulatorStrip left = this.Started<TEnd>(sums.Left, row, 0), right = this.Started<TEnd>(sums.Right, row, 32);
        this.Write<TEnd>(left, row, 0);
        this.Write<TEnd>(right, row, 32);
    }

    /// <summary>The same for the left or the right half of the columns.</summary>
    public void Store<TEnd>(AccumulatorStrip sums, int sixteen, int half)
        where TEnd : struct, ISumsEnd
    {
        int row = m + (16 * sixteen);
        this.Write<TEnd>(this.Started<TEnd>(sums, row, 32 * half), row, 32 * half);
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

    private AccumulatorStrip Started<TEnd>(AccumulatorStrip sums, int row, int from)
        where TEnd : struct, ISumsEnd
    {
        if (start == LinearStart.Bias)
        {
            return Add(sums, this.Bias(from));
        }

        if (TEnd.Adds && start == LinearStart.Add && c.Memory.IsNarrow != 0)
        {
            return Add(sums, this.ReadNarrow(row, from));
        }

        return TEnd.Adds && start == LinearStart.Add
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

    private AccumulatorStrip Bias(int from) =>
        new() { C0 = this.BiasOf(from), C1 = this.BiasOf(from + 8), C2 = this.BiasOf(from + 16), C3 = this.BiasOf(from + 24) };

    private FloatQuad BiasOf(int eight)
    {
        int column = n + eight + (2 * pair);
        long at = (batch * bias.BatchStride) + column;
        float x = column < width ? ThreadLane.Read(bias.Memory, at) : 0f, y = column + 1 < width ? ThreadLane.Read(bias.Memory, at + 1) : 0f;
        return new(x, y, x, y);
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

    /// <summary>Two pairs of bfloat16: of a row, and of the eighth row after it.</summary>
    public static FloatQuad Widen(int upper, int lower) => new()
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
