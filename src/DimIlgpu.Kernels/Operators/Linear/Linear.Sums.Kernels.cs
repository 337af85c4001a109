using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>A thread's share of a warp's 64 × 64 sums in memory: rows m, m + 8 … m + 56, columns n, n + 1, n + 8 … n + 57.</summary>
internal readonly struct LinearSums(WarpProduct product, int m, int n)
{
    // Whether the thread can read and write pairs without a look at each.
    private bool IsWhole => product.IsPaired != 0 && m + 56 < product.M && n + 57 < product.N;

    /// <summary>What the sums start from.</summary>
    public AccumulatorTile Start()
    {
        AccumulatorTile sums = default;
        if (product.Start == LinearStart.Bias)
        {
            AccumulatorRow row = new()
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
            sums = new() { R0 = row, R1 = row, R2 = row, R3 = row };
        }
        else if (product.Start == LinearStart.Add)
        {
            sums = new() { R0 = this.Read(0), R1 = this.Read(16), R2 = this.Read(32), R3 = this.Read(48) };
        }

        return sums;
    }

    /// <summary>Writes the sums.</summary>
    public void Store(AccumulatorTile sums)
    {
        if (this.IsWhole)
        {
            this.WriteWhole(sums.R0, 0);
            this.WriteWhole(sums.R1, 16);
            this.WriteWhole(sums.R2, 32);
            this.WriteWhole(sums.R3, 48);
        }
        else
        {
            this.Write(sums.R0, 0);
            this.Write(sums.R1, 16);
            this.Write(sums.R2, 32);
            this.Write(sums.R3, 48);
        }
    }

    private long At(int row) => (Grid.IdxZ * product.C.BatchStride) + ((m + row) * product.C.RowStride) + n;

    private FloatQuad Bias(int column)
    {
        long at = (Grid.IdxZ * product.Bias.BatchStride) + n + column;
        ArrayView<float> bias = product.Bias.Memory.View;
        float x = n + column < product.N ? bias[at] : 0f, y = n + column + 1 < product.N ? bias[at + 1] : 0f;
        return new() { X = x, Y = y, Z = x, W = y };
    }

    private AccumulatorRow Read(int row) => new()
    {
        C0 = this.Read(row, 0),
        C1 = this.Read(row, 8),
        C2 = this.Read(row, 16),
        C3 = this.Read(row, 24),
        C4 = this.Read(row, 32),
        C5 = this.Read(row, 40),
        C6 = this.Read(row, 48),
        C7 = this.Read(row, 56),
    };

    private FloatQuad Read(int row, int column)
    {
        bool x = n + column < product.N, y = n + column + 1 < product.N, upper = m + row < product.M, lower = m + row + 8 < product.M;
        long first = this.At(row) + column, second = this.At(row + 8) + column;
        ArrayView<float> c = product.C.Memory.View;
        return new()
        {
            X = x && upper ? c[first] : 0f,
            Y = y && upper ? c[first + 1] : 0f,
            Z = x && lower ? c[second] : 0f,
            W = y && lower ? c[second + 1] : 0f,
        };
    }

    private void WriteWhole(AccumulatorRow sums, int row)
    {
        ArrayView<FloatPair> c = product.C.Memory.View.Cast<FloatPair>();
        long first = this.At(row) / 2, second = this.At(row + 8) / 2;
        WriteWhole(c, sums.C0, first, second);
        WriteWhole(c, sums.C1, first + 4, second + 4);
        WriteWhole(c, sums.C2, first + 8, second + 8);
        WriteWhole(c, sums.C3, first + 12, second + 12);
        WriteWhole(c, sums.C4, first + 16, second + 16);
        WriteWhole(c, sums.C5, first + 20, second + 20);
        WriteWhole(c, sums.C6, first + 24, second + 24);
        WriteWhole(c, sums.C7, first + 28, second + 28);
    }

    private static void WriteWhole(ArrayView<FloatPair> c, FloatQuad sums, long first, long second)
    {
        c[first] = new() { X = sums.X, Y = sums.Y };
        c[second] = new() { X = sums.Z, Y = sums.W };
    }

    private void Write(AccumulatorRow sums, int row)
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

    private void Write(FloatQuad sums, int row, int column)
    {
        this.Write(sums.X, row, column);
        this.Write(sums.Y, row, column + 1);
        this.Write(sums.Z, row + 8, column);
        this.Write(sums.W, row + 8, column + 1);
    }

    private void Write(float sum, int row, int column)
    {
        if (m + row < product.M && n + column < product.N)
        {
            product.C.Memory.View[this.At(row) + column] = sum;
        }
    }
}
