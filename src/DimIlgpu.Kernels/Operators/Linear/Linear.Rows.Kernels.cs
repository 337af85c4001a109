using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>
/// Where the sums of a product with a short reduction go: C (M, N) for each of the batch, in bfloat16 and in chunks of 16 bytes,
/// which a warp writes through shared memory as whole rows.
/// </summary>
/// <remarks>
/// A thread has the sums of a warp's 64 rows and columns as <see cref="AccumulatorTile"/> spreads them. In shared memory
/// chunk c of row r stands at c ^ (r % 8), so that neither pairs nor chunks meet in a bank.
/// </remarks>
internal readonly struct LinearRows(int height, int width, Matrix bias, Matrix c, int start)
{
    /// <summary>Chunks of shared memory that a warp needs.</summary>
    public const int StageChunks = TensorCores.Side * RowChunks;

    // A row of the warp's sums is 128 bytes.
    private const int RowChunks = TensorCores.Side / 8;
    private const int RowWords = 4 * RowChunks;

    // Rows that a warp moves at once, 16 bytes a thread.
    private const int RowsAtOnce = TensorCores.Warp / RowChunks;

    /// <summary>Whether a result is in such chunks, and its bias in pairs of floats.</summary>
    public static bool Takes(Tensor c, Matrix target, Matrix? bias) =>
        c.ElementType == ElementType.BFloat16 && c.Columns % 8 == 0 && LinearPieces.IsAligned(target)
        && (bias is not { } row || (row.Memory.IsNarrow == 0 && LinearPieces.IsAligned(row)));

    /// <summary>What sums start from: the bias where there is one, otherwise zeros.</summary>
    public AccumulatorTile First(int batch, int column)
    {
        AccumulatorRow row = default;
        if (start == LinearStart.Bias)
        {
            long at = column < width ? (batch * bias.BatchStride) + column + (2 * (Group.IdxX % 4)) : 0;
            ArrayView<FloatPair> pairs = bias.Memory.View.Cast<FloatPair>().SubView(at / 2);
            int left = width - column;
            row = new()
            {
                C0 = BiasOf(pairs, 0, left),
                C1 = BiasOf(pairs, 8, left),
                C2 = BiasOf(pairs, 16, left),
                C3 = BiasOf(pairs, 24, left),
                C4 = BiasOf(pairs, 32, left),
                C5 = BiasOf(pairs, 40, left),
                C6 = BiasOf(pairs, 48, left),
                C7 = BiasOf(pairs, 56, left),
            };
        }

        return new() { R0 = row, R1 = row, R2 = row, R3 = row };
    }

    /// <summary>The bias of a column of the 128 from <paramref name="column"/> on, for each thread another; 0 without one.</summary>
    public float Bias(int batch, int column)
    {
        int own = column + (Group.IdxX % ShortSchedule.Side);
        return start == LinearStart.Bias && own < width ? bias.Memory.View[(batch * bias.BatchStride) + own] : 0f;
    }

    /// <summary>Puts them where <see cref="FirstRow"/> finds them after a barrier.</summary>
    public void KeepBias(ArrayView<WordQuad> shared, float own)
    {
        if (start == LinearStart.Bias && Group.IdxX < ShortSchedule.Side)
        {
            shared.Cast<float>()[Group.IdxX] = own;
        }
    }

    /// <summary>What the sums of 64 columns start from.</summary>
    /// <param name="shared">Where the biases of these are.</param>
    public AccumulatorRow FirstRow(ArrayView<WordQuad> shared)
    {
        if (start != LinearStart.Bias)
        {
            return default;
        }

        ArrayView<FloatPair> pairs = shared.Cast<FloatPair>().SubView(Group.IdxX % 4);
        return new()
        {
            C0 = BiasOf(pairs, 0, 64),
            C1 = BiasOf(pairs, 8, 64),
            C2 = BiasOf(pairs, 16, 64),
            C3 = BiasOf(pairs, 24, 64),
            C4 = BiasOf(pairs, 32, 64),
            C5 = BiasOf(pairs, 40, 64),
            C6 = BiasOf(pairs, 48, 64),
            C7 = BiasOf(pairs, 56, 64),
        };
    }

    /// <summary>Writes the sums whose first is at a row and a column, added to what is there if so asked, as <typeparamref name="TEnd"/> makes them.</summary>
    /// <param name="stage">The warp's shared memory.</param>
    /// <param name="sums">The sums.</param>
    /// <param name="batch">Which of the batch.</param>
    /// <param name="m">The row.</param>
    /// <param name="n">The column.</param>
    public void Store<TEnd>(ArrayView<WordQuad> stage, AccumulatorTile sums, int batch, int m, int n)
        where TEnd : struct, ISumsEnd
    {
        int lane = Group.IdxX % TensorCores.Warp, row = lane / RowChunks, chunk = lane % RowChunks;
        int pitch = (int)(c.RowStride / 8);
        int even = (row * RowChunks) + (chunk ^ row), odd = ((row + RowsAtOnce) * RowChunks) + (chunk ^ (row + RowsAtOnce));

        // Rows from the thread's first on that have this chunk; every fourth is the thread's.
        int left = n + (8 * chunk) < width ? height - m - row : 0;
        long at = left > 0 ? (((batch * c.BatchStride) + (m * c.RowStride) + n) / 8) + ((long)row * pitch) + chunk : 0;
        ArrayView<WordQuad> to = c.Memory.Halves.Cast<WordQuad>().SubView(at);
        int upper = lane / 4, own = (lane % 4) + (4 * upper);
        ArrayView<int> pairs = stage.Cast<int>().SubView(upper * RowWords);
        if (TEnd.Adds && start == LinearStart.Add)
        {
            const int gap = 2 * RowsAtOnce * RowChunks, copies = TensorCores.Side / RowsAtOnce / 2;
            int stride = 2 * RowsAtOnce * 16 * pitch;
            TensorCores.Copy(ref stage[even], gap, ref to[0], 0, stride, OperandCursor.Bits(left, 2 * RowsAtOnce), 0, copies);
            TensorCores.Copy(
                ref stage[odd], gap, ref to[0], (long)RowsAtOnce * 16 * pitch, stride, OperandCursor.Bits(left - RowsAtOnce, 2 * RowsAtOnce), 0, copies);
            TensorCores.CommitCopies();
            TensorCores.AwaitCopies(0);
            Warp.Barrier();
        }

        this.Stage<TEnd>(pairs, own, sums.R0);
        this.Stage<TEnd>(pairs.SubView(16 * RowWords), own, sums.R1);
        this.Stage<TEnd>(pairs.SubView(32 * RowWords), own, sums.R2);
        this.Stage<TEnd>(pairs.SubView(48 * RowWords), own, sums.R3);
        Warp.Barrier();
        ArrayView<WordQuad> evens = stage.SubView(even), odds = stage.SubView(odd);
        Unstage(evens, odds, to, 0, pitch, left);
        Unstage(evens.SubView(32 * RowChunks), odds.SubView(32 * RowChunks), to, 32, pitch, left);
    }

    /// <summary>Writes 16 rows of 128 sums likewise: what a warp has of the 64 × 128 of four warps.</summary>
    /// <param name="stage">The warp's shared memory, half of <see cref="StageChunks"/>.</param>
    /// <param name="left">The first 64 of the rows.</param>
    /// <param name="right">The others.</param>
    /// <param name="batch">Which of the batch.</param>
    /// <param name="m">The row.</param>
    /// <param name="n">The column.</param>
    public void Store<TEnd>(ArrayView<WordQuad> stage, AccumulatorRow left, AccumulatorRow right, int batch, int m, int n)
        where TEnd : struct, ISumsEnd
    {
        int lane = Group.IdxX % TensorCores.Warp, row = lane / RowChunks, chunk = lane % RowChunks;
        int pitch = (int)(c.RowStride / 8);
        int even = (row * RowChunks) + (chunk ^ row), odd = ((row + RowsAtOnce) * RowChunks) + (chunk ^ (row + RowsAtOnce));

        // Rows from the thread's first on that have its chunk, in either half.
        int down = height - m - row, ofLeft = n + (8 * chunk) < width ? down : 0, ofRight = n + TensorCores.Side + (8 * chunk) < width ? down : 0;
        long at = ofLeft > 0 ? (((batch * c.BatchStride) + (m * c.RowStride) + n) / 8) + ((long)row * pitch) + chunk : 0;
        ArrayView<WordQuad> to = c.Memory.Halves.Cast<WordQuad>().SubView(at);
        int upper = lane / 4, own = (lane % 4) + (4 * upper);
        ArrayView<int> pairs = stage.Cast<int>().SubView(upper * RowWords);
        if (TEnd.Adds && start == LinearStart.Add)
        {
            Fetch(stage, to, even, 0, pitch, ofLeft);
            Fetch(stage, to, odd, RowsAtOnce * pitch, pitch, ofLeft - RowsAtOnce);
            Fetch(stage, to, even + (16 * RowChunks), RowChunks, pitch, ofRight);
            Fetch(stage, to, odd + (16 * RowChunks), RowChunks + (RowsAtOnce * pitch), pitch, ofRight - RowsAtOnce);
            TensorCores.CommitCopies();
            TensorCores.AwaitCopies(0);
            Warp.Barrier();
        }

        this.Stage<TEnd>(pairs, own, left);
        this.Stage<TEnd>(pairs.SubView(16 * RowWords), own, right);
        Warp.Barrier();
        ArrayView<WordQuad> evens = stage.SubView(even), odds = stage.SubView(odd);
        const int gap = 2 * RowsAtOnce * RowChunks, half = 16 * RowChunks;
        WordQuad left0 = evens[0], left4 = odds[0], left8 = evens[gap], left12 = odds[gap];
        WordQuad right0 = evens[half], right4 = odds[half], right8 = evens[half + gap], right12 = odds[half + gap];
        ArrayView<WordQuad> beside = to.SubView(ofRight > 0 ? RowChunks : 0);
        Put(to, 0, pitch, left0, ofLeft);
        Put(beside, 0, pitch, right0, ofRight);
        Put(to, 4, pitch, left4, ofLeft);
        Put(beside, 4, pitch, right4, ofRight);
        Put(to, 8, pitch, left8, ofLeft);
        Put(beside, 8, pitch, right8, ofRight);
        Put(to, 12, pitch, left12, ofLeft);
        Put(beside, 12, pitch, right12, ofRight);
    }

    // Every eighth row of 16, as it is there.
    private static void Fetch(ArrayView<WordQuad> stage, ArrayView<WordQuad> to, int at, int from, int pitch, int left) => TensorCores.Copy(
        ref stage[at], 2 * RowsAtOnce * RowChunks, ref to[0], 16L * from, 2 * RowsAtOnce * 16 * pitch,
        OperandCursor.Bits(left, 2 * RowsAtOnce), 0, 2);

    // 32 rows, all of which are read before the first is written: the compiler moves no read above a write.
    private static void Unstage(ArrayView<WordQuad> evens, ArrayView<WordQuad> odds, ArrayView<WordQuad> to, int first, int pitch, int left)
    {
        const int gap = 2 * RowsAtOnce * RowChunks;
        WordQuad row0 = evens[0], row4 = odds[0], row8 = evens[gap], row12 = odds[gap];
        WordQuad row16 = evens[2 * gap], row20 = odds[2 * gap], row24 = evens[3 * gap], row28 = odds[3 * gap];
        Put(to, first, pitch, row0, left);
        Put(to, first + 4, pitch, row4, left);
        Put(to, first + 8, pitch, row8, left);
        Put(to, first + 12, pitch, row12, left);
        Put(to, first + 16, pitch, row16, left);
        Put(to, first + 20, pitch, row20, left);
        Put(to, first + 24, pitch, row24, left);
        Put(to, first + 28, pitch, row28, left);
    }

    private static void Put(ArrayView<WordQuad> to, int row, int pitch, WordQuad chunk, int left)
    {
        if (row < left)
        {
            to[row * pitch] = chunk;
        }
    }

    // What is there is read where the results are written then.
    private void Stage<TEnd>(ArrayView<int> rows, int own, AccumulatorRow sums)
        where TEnd : struct, ISumsEnd
    {
        if (TEnd.Adds && start == LinearStart.Add)
        {
            sums = LinearSums.Add(sums, Staged(rows, own));
        }

        sums = LinearSums.EndNarrow<TEnd>(sums);
        Stage(rows, own, sums.C0);
        Stage(rows, own ^ 4, sums.C1);
        Stage(rows, own ^ 8, sums.C2);
        Stage(rows, own ^ 12, sums.C3);
        Stage(rows, own ^ 16, sums.C4);
        Stage(rows, own ^ 20, sums.C5);
        Stage(rows, own ^ 24, sums.C6);
        Stage(rows, own ^ 28, sums.C7);
    }

    private static void Stage(ArrayView<int> rows, int own, FloatQuad sums)
    {
        ArrayView<int> pair = rows.SubView(own);
        pair[0] = TensorCores.RoundBFloat16(sums.X, sums.Y);
        pair[8 * RowWords] = TensorCores.RoundBFloat16(sums.Z, sums.W);
    }

    private static AccumulatorRow Staged(ArrayView<int> rows, int own) => new()
    {
        C0 = StagedPairs(rows, own),
        C1 = StagedPairs(rows, own ^ 4),
        C2 = StagedPairs(rows, own ^ 8),
        C3 = StagedPairs(rows, own ^ 12),
        C4 = StagedPairs(rows, own ^ 16),
        C5 = StagedPairs(rows, own ^ 20),
        C6 = StagedPairs(rows, own ^ 24),
        C7 = StagedPairs(rows, own ^ 28),
    };

    private static FloatQuad StagedPairs(ArrayView<int> rows, int own)
    {
        ArrayView<int> pair = rows.SubView(own);
        return LinearSums.Widen(pair[0], pair[8 * RowWords]);
    }

    private static FloatQuad BiasOf(ArrayView<FloatPair> pairs, int eight, int left)
    {
        FloatPair two = default;
        if (eight < left)
        {
            two = pairs[eight / 2];
        }

        return new(two.X, two.Y, two.X, two.Y);
    }
}
