using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>A format of the tensor cores' operands.</summary>
internal interface ITensorOperands
{
    /// <summary>Elements in 16 bytes: 8 or 4.</summary>
    static abstract int Elements { get; }

    /// <summary>Rounds 8 elements, or the first 4.</summary>
    static abstract WordQuad Round(FloatQuad first, FloatQuad second);

    /// <summary>c + a bᵀ, 32 bytes deep.</summary>
    static abstract AccumulatorTile Multiply(AccumulatorTile c, OperandTile a, OperandTile b);
}

/// <summary>Eight significant bits: bfloat16.</summary>
internal readonly struct BFloat16Operands : ITensorOperands
{
    public static int Elements => 8;

    public static WordQuad Round(FloatQuad first, FloatQuad second) => new()
    {
        X = TensorCores.RoundBFloat16(first.X, first.Y),
        Y = TensorCores.RoundBFloat16(first.Z, first.W),
        Z = TensorCores.RoundBFloat16(second.X, second.Y),
        W = TensorCores.RoundBFloat16(second.Z, second.W),
    };

    public static AccumulatorTile Multiply(AccumulatorTile c, OperandTile a, OperandTile b) => TensorCores.MultiplyBFloat16(c, a, b);
}

/// <summary>Eleven significant bits: tf32.</summary>
internal readonly struct TensorFloat32Operands : ITensorOperands
{
    public static int Elements => 4;

    public static WordQuad Round(FloatQuad first, FloatQuad second) => new()
    {
        X = TensorCores.RoundTensorFloat32(first.X),
        Y = TensorCores.RoundTensorFloat32(first.Y),
        Z = TensorCores.RoundTensorFloat32(first.Z),
        W = TensorCores.RoundTensorFloat32(first.W),
    };

    public static AccumulatorTile Multiply(AccumulatorTile c, OperandTile a, OperandTile b) =>
        TensorCores.MultiplyTensorFloat32(c, a, b);
}

/// <summary>A matrix in the format of the tensor cores, in chunks of 16 bytes: the last chunk of a row ends in zeros, or in what nobody reads.</summary>
internal readonly struct WarpOperand(ArrayView<WordQuad> memory, int rows, int chunks, int pitchBytes)
{
    /// <summary>Chunks in one step of the reduction: 64 bfloat16 or 32 tf32.</summary>
    public const int StepChunks = 8;

    public readonly ArrayView<WordQuad> Memory = memory;

    /// <summary>Rows of one of the batch.</summary>
    public readonly int Rows = rows;

    /// <summary>Chunks of a row.</summary>
    public readonly int Chunks = chunks;

    /// <summary>Bytes from one row to the next.</summary>
    public readonly int PitchBytes = pitchBytes;

    /// <summary>Memory for a matrix that is rounded first.</summary>
    public static WarpOperand Rent<TOperands>(Arena scratch, int batch, int rows, int columns)
        where TOperands : struct, ITensorOperands
    {
        int chunks = (columns + TOperands.Elements - 1) / TOperands.Elements;
        Tensor memory = scratch.Rent(new((long)batch * rows, checked(chunks * 4)));
        return new(memory.View.Cast<WordQuad>(), rows, chunks, checked(chunks * 16));
    }

    /// <summary>Bytes to a chunk of one of the batch.</summary>
    public long At(int batch, int row, int chunk) => ((((long)batch * this.Rows) + row) * this.PitchBytes) + (chunk * 16L);
}

/// <summary>What a thread copies of one step: the place of its first chunk, and which of its chunks exist.</summary>
internal struct OperandCursor
{
    public long From;
    public int Mask;
    public int Left;

    /// <summary>A bit for each chunk of a thread that exists, when <paramref name="left"/> rows do and chunks are <paramref name="gap"/> rows apart.</summary>
    public static int Bits(int left, int gap) => (1 << Math.Min(Math.Max((left + gap - 1) / gap, 0), MostCopies)) - 1;

    /// <summary>What is copied where there is nothing more: zeros.</summary>
    public static OperandCursor Nothing => default;

    private const int MostCopies = 8;
}

/// <summary>What a group copies next: a step of both operands of a piece of work, of which so many are left with it.</summary>
internal struct LinearFeed
{
    public OperandCursor A, B;
    public int Piece, Left;

    /// <summary>Zeros, after the last piece.</summary>
    public static LinearFeed Nothing(int piece) => new() { A = OperandCursor.Nothing, B = OperandCursor.Nothing, Piece = piece, Left = 1 };

    /// <summary>The same piece's next step.</summary>
    public readonly LinearFeed Next<TLeft, TRight>(WarpOperand a, WarpOperand b)
        where TLeft : struct, IOperandLayout
        where TRight : struct, IOperandLayout =>
        new() { A = TLeft.Next(this.A, a), B = TRight.Next(this.B, b), Piece = this.Piece, Left = this.Left - 1 };
}

/// <summary>How an operand lies in memory relative to the reduction.</summary>
/// <remarks>In shared memory too; there chunks are displaced so that neither copies nor <c>ldmatrix</c> meet in a bank.</remarks>
internal interface IOperandLayout
{
    /// <summary>Steps of the reduction.</summary>
    static abstract int Steps(WarpOperand operand);

    /// <summary>What a thread copies of a step.</summary>
    /// <param name="operand">The matrix.</param>
    /// <param name="batch">Which of the batch.</param>
    /// <param name="first">Where the tile begins.</param>
    /// <param name="step">The step.</param>
    /// <param name="extent">Rows (or, across, columns) of the tile, a constant.</param>
    /// <param name="threads">Threads of the group, a constant.</param>
    static abstract OperandCursor Start(WarpOperand operand, int batch, int first, int step, int extent, int threads);

    /// <summary>The step after it.</summary>
    static abstract OperandCursor Next(OperandCursor cursor, WarpOperand operand);

    /// <summary>Bit i says whether copy i has something to read.</summary>
    static abstract int Mask(OperandCursor cursor, int extent, int threads);

    /// <summary>Bytes from one chunk that a thread copies to the next.</summary>
    static abstract int Stride(WarpOperand operand, int extent, int threads);

    /// <summary>Where the first goes.</summary>
    static abstract int To(int thread, int extent);

    /// <summary>Where the lane of a left operand points, in the warp's part of the tile.</summary>
    static abstract int OwnLeft(int lane, int warp, int extent);

    /// <summary>Where the lane of a right operand points.</summary>
    static abstract int OwnRight(int lane, int warp, int extent);

    /// <summary>Loads quarter <paramref name="part"/>, a constant, of the step that stands at <paramref name="at"/>.</summary>
    static abstract OperandTile Load(ArrayView<WordQuad> shared, int at, int own, int part, int extent);

    /// <summary>The same for a quarter that is no constant.</summary>
    static abstract OperandTile LoadAny(ArrayView<WordQuad> shared, int at, int own, int part, int extent);

    /// <summary>1 where rows lie across the reduction, 0 where along it.</summary>
    static abstract int IsAcross { get; }

    /// <summary>What a thread of 256 copies of a step in blocks of 64 rows or, across, columns; its mask counts rows or, across, chunks that are left.</summary>
    static abstract OperandCursor StartBlocks(WarpOperand operand, int batch, int first, int step);

    /// <summary>Starts a thread's copies of a step, a row's 128 bytes by eight threads and the row 32 on.</summary>
    /// <param name="shared">Where they go.</param>
    /// <param name="to">The place of the thread's first chunk.</param>
    /// <param name="operand">The matrix.</param>
    /// <param name="cursor">What is copied.</param>
    /// <param name="blocks">Blocks, a constant.</param>
    static abstract void CopyBlocks(ArrayView<WordQuad> shared, int to, WarpOperand operand, OperandCursor cursor, int blocks);
}

/// <summary>Rows of the matrix lie along the reduction: X and W of a forward product.</summary>
/// <remarks>A step is 8 chunks of each row; chunk c of row r stands at c ^ (r % 8).</remarks>
internal readonly struct RowsAlong : IOperandLayout
{
    private const int Width = WarpOperand.StepChunks;

    public static int Steps(WarpOperand operand) => (operand.Chunks + Width - 1) / Width;

    public static OperandCursor Start(WarpOperand operand, int batch, int first, int step, int extent, int threads)
    {
        int row = first + (Group.IdxX / Width), chunk = (step * Width) + (Group.IdxX % Width);
        return new()
        {
            From = operand.At(batch, row, chunk),
            Mask = OperandCursor.Bits(operand.Rows - row, threads / Width),
            Left = operand.Chunks - chunk,
        };
    }

    public static OperandCursor Next(OperandCursor cursor, WarpOperand operand) =>
        new() { From = cursor.From + (16 * Width), Mask = cursor.Mask, Left = cursor.Left - Width };

    public static int Mask(OperandCursor cursor, int extent, int threads) => cursor.Left > 0 ? cursor.Mask : 0;

    public static int Stride(WarpOperand operand, int extent, int threads) => threads / Width * operand.PitchBytes;

    public static int To(int thread, int extent) => Place(thread / Width, thread % Width);

    public static int OwnLeft(int lane, int warp, int extent) => Place(lane % 16, lane / 16) + (warp * TensorCores.Side * Width);

    public static int OwnRight(int lane, int warp, int extent) =>
        Place((lane % 8) + (lane / 16 * 8), lane / 8 % 2) + (warp * TensorCores.Side * Width);

    public static OperandTile Load(ArrayView<WordQuad> shared, int at, int own, int part, int extent) =>
        TensorCores.Load(ref shared[at + (own ^ (2 * part))]);

    public static OperandTile LoadAny(ArrayView<WordQuad> shared, int at, int own, int part, int extent) => Load(shared, at, own, part, extent);

    public static int IsAcross => 0;

    public static OperandCursor StartBlocks(WarpOperand operand, int batch, int first, int step)
    {
        int row = first + (Group.IdxX / Width), chunk = (step * Width) + (Group.IdxX % Width);
        return new() { From = operand.At(batch, row, chunk), Mask = operand.Rows - row, Left = operand.Chunks - chunk };
    }

    public static void CopyBlocks(ArrayView<WordQuad> shared, int to, WarpOperand operand, OperandCursor cursor, int blocks)
    {
        int rows = GroupTile.Threads / Width, mask = cursor.Left > 0 ? OperandCursor.Bits(cursor.Mask, rows) : 0;
        TensorCores.Copy(
            ref shared[to], GroupTile.Threads, ref operand.Memory[0], cursor.From, rows * operand.PitchBytes, mask, 0, blocks * TensorCores.Side / rows);
    }

    private static int Place(int row, int chunk) => (row * Width) + (chunk ^ (row % 8));
}

/// <summary>Rows of the matrix lie across the reduction, which runs down its columns; bfloat16 only.</summary>
/// <remarks>A step is 64 rows; chunk c of row r stands at c ^ (r % 8).</remarks>
internal readonly struct RowsAcross : IOperandLayout
{
    private const int Depth = 64;

    public static int Steps(WarpOperand operand) => (operand.Rows + Depth - 1) / Depth;

    public static OperandCursor Start(WarpOperand operand, int batch, int first, int step, int extent, int threads)
    {
        int width = extent / 8, row = (step * Depth) + (Group.IdxX / width), chunk = (first / 8) + (Group.IdxX % width);
        return new() { From = operand.At(batch, row, chunk), Mask = chunk < operand.Chunks ? -1 : 0, Left = operand.Rows - row };
    }

    public static OperandCursor Next(OperandCursor cursor, WarpOperand operand) =>
        new() { From = cursor.From + ((long)Depth * operand.PitchBytes), Mask = cursor.Mask, Left = cursor.Left - Depth };

    public static int Mask(OperandCursor cursor, int extent, int threads) =>
        cursor.Mask & OperandCursor.Bits(cursor.Left, threads / (extent / 8));

    public static int Stride(WarpOperand operand, int extent, int threads) => threads / (extent / 8) * operand.PitchBytes;

    public static int To(int thread, int extent) => Place(thread / (extent / 8), thread % (extent / 8), extent);

    public static int OwnLeft(int lane, int warp, int extent) =>
        Place((lane % 8) + (lane / 16 * 8), lane / 8 % 2, extent) + (warp * TensorCores.Side / 8);

    public static int OwnRight(int lane, int warp, int extent) => Place(lane % 16, lane / 16, extent) + (warp * TensorCores.Side / 8);

    public static OperandTile Load(ArrayView<WordQuad> shared, int at, int own, int part, int extent) => TensorCores.LoadTransposed(
        ref shared[at + own], ref shared[at + (own ^ 2)], ref shared[at + (own ^ 4)], ref shared[at + (own ^ 6)], part * 16 * (extent / 8));

    public static OperandTile LoadAny(ArrayView<WordQuad> shared, int at, int own, int part, int extent) =>
        Load(shared, at + (part * 16 * (extent / 8)), own, 0, extent);

    public static int IsAcross => 1;

    public static OperandCursor StartBlocks(WarpOperand operand, int batch, int first, int step)
    {
        const int width = WarpOperand.StepChunks;
        int row = (step * Depth) + (Group.IdxX / width), chunk = (first / 8) + (Group.IdxX % width);
        return new() { From = operand.At(batch, row, chunk), Mask = operand.Chunks - chunk, Left = operand.Rows - row };
    }

    public static void CopyBlocks(ArrayView<WordQuad> shared, int to, WarpOperand operand, OperandCursor cursor, int blocks)
    {
        const int width = WarpOperand.StepChunks;
        int rows = GroupTile.Threads / width, mask = OperandCursor.Bits(cursor.Left, rows);
        for (int block = 0; block < blocks; block++)
        {
            TensorCores.Copy(
                ref shared[to + (block * TensorCores.BlockChunks)], GroupTile.Threads, ref operand.Memory[0], cursor.From + (block * 16 * width),
                rows * operand.PitchBytes, cursor.Mask > block * width ? mask : 0, 0, Depth / rows);
        }
    }

    private static int Place(int row, int chunk, int extent) => (row * (extent / 8)) + (chunk ^ (row % 8));
}
