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

/// <summary>A rounded matrix: rows and columns are filled up with zeros to whole steps of a reduction, which may run along either.</summary>
internal readonly struct PackedOperand(ArrayView<WordQuad> chunks, int rows, int pitch)
{
    /// <summary>Chunks of 16 bytes in one step of the reduction.</summary>
    public const int StepChunks = 4;

    /// <summary>Rows of the result that a group computes, and columns.</summary>
    public const int GroupRows = 2 * TensorCores.Side;

    public readonly ArrayView<WordQuad> Chunks = chunks;

    /// <summary>Rows of one of the batch.</summary>
    public readonly int Rows = rows;

    /// <summary>Chunks from one row to the next.</summary>
    public readonly int Pitch = pitch;

    public static PackedOperand Rent<TOperands>(Arena scratch, int batch, int rows, int columns)
        where TOperands : struct, ITensorOperands
    {
        int step = StepChunks * TOperands.Elements;
        int padded = (rows + step - 1) / step * step, pitch = (columns + step - 1) / step * StepChunks;

        // The last groups read whole tiles, of which they use what exists.
        Tensor memory = scratch.Rent(new(((long)batch * padded) + GroupRows, checked(pitch * 4)));
        return new(memory.View.Cast<WordQuad>(), padded, pitch);
    }
}

/// <summary>How an operand lies in memory relative to the reduction.</summary>
/// <remarks>In shared memory too; there chunks are displaced so that neither copies nor <c>ldmatrix</c> meet in a bank.</remarks>
internal interface IOperandLayout
{
    /// <summary>Steps of 64 bytes in the reduction.</summary>
    static abstract int Steps(PackedOperand operand);

    /// <summary>Chunks from one step to the next.</summary>
    static abstract int Stride(PackedOperand operand);

    /// <summary>The chunk of the first step that a thread copies, for a group whose tile begins at <paramref name="first"/>.</summary>
    static abstract long From(PackedOperand operand, int batch, int first, int thread);

    /// <summary>Where it goes.</summary>
    static abstract int To(int thread);

    /// <summary>Chunks to the next one that the thread copies.</summary>
    static abstract int Jump(PackedOperand operand, int threads);

    /// <summary>Where the lane of a left operand points, in the warp's part of the tile.</summary>
    static abstract int OwnLeft(int lane, int warp);

    /// <summary>Where the lane of a right operand points.</summary>
    static abstract int OwnRight(int lane, int warp);

    /// <summary>Loads half a step.</summary>
    static abstract OperandTile Load(ArrayView<WordQuad> shared, int own, int half);
}

/// <summary>Rows of the matrix lie along the reduction: X and W of a forward product.</summary>
/// <remarks>A step is 4 chunks of each of 128 rows; chunk c of row r stands at c ^ (r / 2 % 4).</remarks>
internal readonly struct RowsAlong : IOperandLayout
{
    public static int Steps(PackedOperand operand) => operand.Pitch / PackedOperand.StepChunks;

    public static int Stride(PackedOperand operand) => PackedOperand.StepChunks;

    public static long From(PackedOperand operand, int batch, int first, int thread) =>
        ((((long)batch * operand.Rows) + first + (thread / PackedOperand.StepChunks)) * operand.Pitch) + (thread % PackedOperand.StepChunks);

    public static int To(int thread) => Place(thread / PackedOperand.StepChunks, thread % PackedOperand.StepChunks);

    public static int Jump(PackedOperand operand, int threads) => threads / PackedOperand.StepChunks * operand.Pitch;

    public static int OwnLeft(int lane, int warp) => Place(lane % 16, lane / 16) + (warp * TensorCores.Side * PackedOperand.StepChunks);

    public static int OwnRight(int lane, int warp) =>
        Place((lane % 8) + (lane / 16 * 8), lane / 8 % 2) + (warp * TensorCores.Side * PackedOperand.StepChunks);

    public static OperandTile Load(ArrayView<WordQuad> shared, int own, int half) => TensorCores.Load(ref shared[own ^ (2 * half)]);

    private static int Place(int row, int chunk) => (row * PackedOperand.StepChunks) + (chunk ^ (row / 2 % 4));
}

/// <summary>Rows of the matrix lie across the reduction, which runs down its columns; bfloat16 only.</summary>
/// <remarks>A step is 16 chunks of each of 32 rows; chunk c of row r stands at c ^ (r % 8).</remarks>
internal readonly struct RowsAcross : IOperandLayout
{
    private const int Depth = 32;
    private const int Width = PackedOperand.GroupRows / 8;

    public static int Steps(PackedOperand operand) => operand.Rows / Depth;

    public static int Stride(PackedOperand operand) => Depth * operand.Pitch;

    public static long From(PackedOperand operand, int batch, int first, int thread) =>
        ((((long)batch * operand.Rows) + (thread / Width)) * operand.Pitch) + (first / 8) + (thread % Width);

    public static int To(int thread) => Place(thread / Width, thread % Width);

    public static int Jump(PackedOperand operand, int threads) => threads / Width * operand.Pitch;

    public static int OwnLeft(int lane, int warp) => Place((lane % 8) + (lane / 16 * 8), lane / 8 % 2) + (warp * TensorCores.Side / 8);

    public static int OwnRight(int lane, int warp) => Place(lane % 16, lane / 16) + (warp * TensorCores.Side / 8);

    public static OperandTile Load(ArrayView<WordQuad> shared, int own, int half)
    {
        int at = own + (half * Depth / 2 * Width);
        return new()
        {
            T0 = TensorCores.LoadTransposed(ref shared[at]),
            T1 = TensorCores.LoadTransposed(ref shared[at ^ 2]),
            T2 = TensorCores.LoadTransposed(ref shared[at ^ 4]),
            T3 = TensorCores.LoadTransposed(ref shared[at ^ 6]),
        };
    }

    private static int Place(int row, int chunk) => (row * Width) + (chunk ^ (row % 8));
}
