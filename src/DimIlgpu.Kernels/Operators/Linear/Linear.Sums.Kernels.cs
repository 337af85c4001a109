using ILGPU;

namespace DimIlgpu.Kernels;

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
    public static AccumulatorRow Add(AccumulatorRow x, AccumulatorRow y) => new()
    {
        C0 = Add(x.C0, y.C0),
        C1 = Add(x.C1, y.C1),
        C2 = Add(x.C2, y.C2),
        C3 = Add(x.C3, y.C3),
        C4 = Add(x.C4, y.C4),
        C5 = Add(x.C5, y.C5),
        C6 = Add(x.C6, y.C6),
        C7 = Add(x.C7, y.C7),
    };

    /// <summary>Writes the sums of 16 rows, after adding the bias or what is there, as <typeparamref name="TEnd"/> makes them.</summary>
    public void Store<TEnd>(AccumulatorRow sums, int sixteen)
        where TEnd : struct, ISumsEnd
    {
        int row = m + (16 * sixteen);
        if (start == LinearStart.Bias)
        {
            sums = Add(sums, this.Bias());
        }
        else if (TEnd.Adds && start == LinearStart.Add && c.Memory.IsNarrow != 0)
        {
            sums = Add(sums, this.ReadNarrow(row));
        }
        else if (TEnd.Adds && start == LinearStart.Add)
        {
            sums = Add(sums, new()
            {
                C0 = this.Read(row, 0),
                C1 = this.Read(row, 8),
                C2 = this.Read(row, 16),
                C3 = this.Read(row, 24),
                C4 = this.Read(row, 32),
                C5 = this.Read(row, 40),
                C6 = this.Read(row, 48),
                C7 = this.Read(row, 56),
            });
        }

        sums = End<TEnd>(sums);
        if (c.Memory.IsNarrow != 0)
        {
            this.WriteNarrow(Upper(sums.C0, sums.C1, sums.C2, sums.C3), row, 0);
            this.WriteNarrow(Upper(sums.C4, sums.C5, sums.C6, sums.C7), row, 32);
            this.WriteNarrow(Lower(sums.C0, sums.C1, sums.C2, sums.C3), row + 8, 0);
            this.WriteNarrow(Lower(sums.C4, sums.C5, sums.C6, sums.C7), row + 8, 32);
        }
        else
        {
            this.Write(sums.C0, row, 0);
            this.Write(sums.C1, row, 8);
            this.Write(sums.C2, row, 16);
            this.Write(sums.C3, row, 24);
            this.Write(sums.C4, row, 32);
            this.Write(sums.C5, row, 40);
            this.Write(sums.C6, row, 48);
            this.Write(sums.C7, row, 56);
        }
    }

    /// <summary>What is stored of the sums of 16 rows.</summary>
    public static AccumulatorRow End<TEnd>(AccumulatorRow sums)
        where TEnd : struct, ISumsEnd => new()
    {
        C0 = TEnd.Of(sums.C0),
        C1 = TEnd.Of(sums.C1),
        C2 = TEnd.Of(sums.C2),
        C3 = TEnd.Of(sums.C3),
        C4 = TEnd.Of(sums.C4),
        C5 = TEnd.Of(sums.C5),
        C6 = TEnd.Of(sums.C6),
        C7 = TEnd.Of(sums.C7),
    };

    /// <summary>What is stored of them in bfloat16.</summary>
    public static AccumulatorRow EndNarrow<TEnd>(AccumulatorRow sums)
        where TEnd : struct, ISumsEnd => new()
    {
        C0 = TEnd.OfNarrow(sums.C0),
        C1 = TEnd.OfNarrow(sums.C1),
        C2 = TEnd.OfNarrow(sums.C2),
        C3 = TEnd.OfNarrow(sums.C3),
        C4 = TEnd.OfNarrow(sums.C4),
        C5 = TEnd.OfNarrow(sums.C5),
        C6 = TEnd.OfNarrow(sums.C6),
        C7 = TEnd.OfNarrow(sums.C7),
    };

    private static WordQuad Upper(FloatQuad c0, FloatQuad c1, FloatQuad c2, FloatQuad c3) => new()
    {
        X = TensorCores.RoundBFloat16(c0.X, c0.Y),
        Y = TensorCores.RoundBFloat16(c1.X, c1.Y),
        Z = TensorCores.RoundBFloat16(c2.X, c2.Y),
        W = TensorCores.RoundBFloat16(c3.X, c3.Y),
    };

    private static WordQuad Lower(FloatQuad c0, FloatQuad c1, FloatQuad c2, FloatQuad c3) => new()
    {
        X = TensorCores.RoundBFloat16(c0.Z, c0.W),
        Y = TensorCores.RoundBFloat16(c1.Z, c1.W),
        Z = TensorCores.RoundBFloat16(c2.Z, c2.W),
        W = TensorCores.RoundBFloat16(c3.Z, c3.W),
    };

    private static FloatQuad Add(FloatQuad x, FloatQuad y) => new() { X = x.X + y.X, Y = x.Y + y.Y, Z = x.Z + y.Z, W = x.W + y.W };

    private long At(int row) => (batch * c.BatchStride) + (row * c.RowStride);

    private AccumulatorRow Bias() => new()
    {
        C0 = this.Bias(0),
        C1 = this.Bias(8),
        C2 = this.Bias(16),
        C3 = this.Bias(24),
        C4 = this.Bias(32),
        C5 = this.Bias(40),
        C6 = this.Bias(48),
        C7 = this.Bias(56),
    };

    private FloatQuad Bias(int eight)
    {
        int column = n + eight + (2 * pair);
        long at = (batch * bias.BatchStride) + column;
        float x = column < width ? ThreadLane.Read(bias.Memory, at) : 0f, y = column + 1 < width ? ThreadLane.Read(bias.Memory, at + 1) : 0f;
        return new() { X = x, Y = y, Z = x, W = y };
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
    private AccumulatorRow ReadNarrow(int row)
    {
        WordQuad upper = this.ReadNarrow(row, 0), lower = this.ReadNarrow(row + 8, 0);
        WordQuad upperRight = this.ReadNarrow(row, 32), lowerRight = this.ReadNarrow(row + 8, 32);
        return new()
        {
            C0 = Widen(upper.X, lower.X),
            C1 = Widen(upper.Y, lower.Y),
            C2 = Widen(upper.Z, lower.Z),
            C3 = Widen(upper.W, lower.W),
            C4 = Widen(upperRight.X, lowerRight.X),
            C5 = Widen(upperRight.Y, lowerRight.Y),
            C6 = Widen(upperRight.Z, lowerRight.Z),
            C7 = Widen(upperRight.W, lowerRight.W),
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

    private WordQuad ReadNarrow(int row, int from)
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
