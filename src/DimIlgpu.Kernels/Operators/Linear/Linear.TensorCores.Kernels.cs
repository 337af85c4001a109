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

/// <summary>How the warps of a group lie beside each other, each with 64 × 64 sums.</summary>
internal interface IWarpGrid
{
    static abstract int Rows { get; }

    static abstract int Columns { get; }
}

/// <inheritdoc/>
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

/// <inheritdoc/>
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

/// <summary>128 × 128 sums: two groups fit on a multiprocessor, so that one computes while the other stores.</summary>
internal readonly struct Warps2X2 : IWarpGrid
{
    public static int Rows => 2;

    public static int Columns => 2;
}

/// <summary>128 × 256 sums.</summary>
internal readonly struct Warps2X4 : IWarpGrid
{
    public static int Rows => 2;

    public static int Columns => 4;
}

/// <summary>
/// C = A Bᵀ of packed operands. Each warp keeps 64 × 64 sums in registers; operands flow through shared memory in steps
/// of 64 bytes of each row, four steps in the making: three copied ahead, one multiplied.
/// </summary>
/// <remarks>
/// In shared memory chunk c of row r stands at c ^ (r / 2 % 4), so that neither the copies nor <c>ldmatrix</c>, which
/// reads a chunk of eight rows at a time, meet in a bank.
/// </remarks>
[KernelInstance(typeof(BFloat16Operands), typeof(Warps2X2))]
[KernelInstance(typeof(BFloat16Operands), typeof(Warps2X4))]
[KernelInstance(typeof(TensorFloat32Operands), typeof(Warps2X2))]
[KernelInstance(typeof(TensorFloat32Operands), typeof(Warps2X4))]
internal readonly struct LinearWarps<TOperands, TWarps>(PackedOperand a, PackedOperand b, Product product, int isPaired) : IWarpKernel
    where TOperands : struct, ITensorOperands
    where TWarps : struct, IWarpGrid
{
    private const int Stages = 4;
    private const int Chunks = PackedOperand.StepChunks;

    public static int SharedBytes => Stages * StageChunks * 16;

    private static int StageChunks => (TWarps.Rows + TWarps.Columns) * TensorCores.Side * Chunks;

    public void Execute()
    {
        ArrayView<WordQuad> shared = SharedMemory.GetDynamic<WordQuad>();
        Product p = product;
        int pitch = a.Steps * Chunks;
        int batch = Grid.IdxZ / p.Parts, part = Grid.IdxZ % p.Parts;
        int step = (int)((long)a.Steps * part / p.Parts), end = (int)((long)a.Steps * (part + 1) / p.Parts);
        int m0 = Grid.IdxY * TWarps.Rows * TensorCores.Side, n0 = Grid.IdxX * TWarps.Columns * TensorCores.Side;

        // A thread copies one chunk of every so many rows.
        int row = Group.IdxX / Chunks, chunk = Group.IdxX % Chunks;
        int to = Place(row, chunk);
        long fromA = (((long)batch * p.M) + m0 + row) * pitch + chunk, fromB = (((long)batch * p.N) + n0 + row) * pitch + chunk;

        // A lane points at one row of 16 and one of the chunks of a half step; the other half is two chunks on.
        int warp = Group.IdxX / TensorCores.Warp, lane = Group.IdxX % TensorCores.Warp;
        int ownA = Place(lane % 16, lane / 16) + (warp / TWarps.Columns * TensorCores.Side * Chunks);
        int ownB = Place((lane % 8) + (lane / 16 * 8), lane / 8 % 2) + ((TWarps.Rows + (warp % TWarps.Columns)) * TensorCores.Side * Chunks);

        for (int ahead = 0; ahead < Stages - 1; ahead++)
        {
            if (step + ahead < end)
            {
                this.Copy(shared, (ahead * StageChunks) + to, fromA + ((step + ahead) * Chunks), fromB + ((step + ahead) * Chunks), pitch);
            }

            TensorCores.CommitCopies();
        }

        int m = m0 + (warp / TWarps.Columns * TensorCores.Side) + (lane / 4);
        int n = n0 + (warp % TWarps.Columns * TensorCores.Side) + (lane % 4 * 2);
        LinearSums output = new(p, isPaired, m, n);
        AccumulatorTile sums = output.Start();
        TensorCores.AwaitCopies(Stages - 2);
        Group.Barrier();
        OperandTile a0 = TensorCores.Load(ref shared[ownA]), b0 = TensorCores.Load(ref shared[ownB]);
        int stage = 0;
        for (; step < end; step++)
        {
            int at = stage * StageChunks;
            OperandTile a1 = TensorCores.Load(ref shared[at + (ownA ^ 2)]), b1 = TensorCores.Load(ref shared[at + (ownB ^ 2)]);
            int ahead = step + Stages - 1;
            if (ahead < end)
            {
                // Into the stage of the previous step, which every warp had loaded before the last barrier.
                this.Copy(
                    shared, (((stage + Stages - 1) & (Stages - 1)) * StageChunks) + to, fromA + (ahead * Chunks), fromB + (ahead * Chunks), pitch);
            }

            TensorCores.CommitCopies();
            sums = TOperands.Multiply(sums, a0, b0);
            TensorCores.AwaitCopies(Stages - 2);
            Group.Barrier();
            stage = (stage + 1) & (Stages - 1);
            at = stage * StageChunks;
            a0 = TensorCores.Load(ref shared[at + ownA]);
            b0 = TensorCores.Load(ref shared[at + ownB]);
            sums = TOperands.Multiply(sums, a1, b1);
        }

        output.Store(sums);
    }

    /// <summary>Where a chunk of a row stands in shared memory.</summary>
    private static int Place(int row, int chunk) => (row * Chunks) + (chunk ^ (row / 2 % 4));

    private void Copy(ArrayView<WordQuad> shared, int to, long fromA, long fromB, int pitch)
    {
        int rows = TWarps.Rows * TWarps.Columns * TensorCores.Warp / Chunks;
        for (int i = 0; i < TWarps.Rows * TensorCores.Side / rows; i++)
        {
            TensorCores.Copy(ref shared[to + (i * rows * Chunks)], ref a.Chunks[fromA + (i * rows * pitch)]);
        }

        for (int i = 0; i < TWarps.Columns * TensorCores.Side / rows; i++)
        {
            TensorCores.Copy(
                ref shared[to + (((TWarps.Rows * TensorCores.Side) + (i * rows)) * Chunks)], ref b.Chunks[fromB + (i * rows * pitch)]);
        }
    }
}

/// <summary>Rounds rows that lie along the reduction: a thread per 16 bytes of the result.</summary>
[KernelInstance(typeof(BFloat16Operands))]
[KernelInstance(typeof(TensorFloat32Operands))]
internal readonly struct LinearPack<TOperands>(Matrix source, ArrayView<WordQuad> target, long total, int k, int pitch) : IWarpKernel
    where TOperands : struct, ITensorOperands
{
    public const int Threads = 256;

    public void Execute()
    {
        long i = ((long)Grid.IdxX * Threads) + Group.IdxX;
        if (i < total)
        {
            long row = i / pitch;
            int column = (int)(i % pitch) * TOperands.Elements;
            FloatQuad first = this.Read(row, column);
            target[i] = TOperands.Round(first, TOperands.Elements > 4 ? this.Read(row, column + 4) : first);
        }
    }

    private FloatQuad Read(long row, int column)
    {
        long at = (row * source.RowStride) + column;
        ArrayView<float> view = source.Memory.View;
        return new()
        {
            X = column < k ? view[at] : 0f,
            Y = column + 1 < k ? view[at + 1] : 0f,
            Z = column + 2 < k ? view[at + 2] : 0f,
            W = column + 3 < k ? view[at + 3] : 0f,
        };
    }
}

/// <summary>Rounds and transposes rows that lie across the reduction, 64 × 64 through shared memory.</summary>
[KernelInstance(typeof(BFloat16Operands))]
[KernelInstance(typeof(TensorFloat32Operands))]
internal readonly struct LinearPackTransposed<TOperands>(Matrix source, ArrayView<WordQuad> target, int rows, int k, int pitch) : IWarpKernel
    where TOperands : struct, ITensorOperands
{
    public const int Side = 64;
    public const int Threads = 256;

    // One more than the side: rows start in different banks.
    private const int Pitch = Side + 1;

    public void Execute()
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(Side * Pitch);
        int row0 = Grid.IdxX * Side, k0 = Grid.IdxY * Side;
        int row = row0 + (Group.IdxX % Side);
        for (int i = Group.IdxX / Side; i < Side; i += Threads / Side)
        {
            tile[(i * Pitch) + (Group.IdxX % Side)] = row < rows && k0 + i < k
                ? source.Memory.View[(Grid.IdxZ * source.BatchStride) + ((k0 + i) * source.ColumnStride) + row]
                : 0f;
        }

        Group.Barrier();
        int chunks = Side / TOperands.Elements;
        for (int i = Group.IdxX; i < Side * chunks; i += Threads)
        {
            int r = i / chunks, chunk = i % chunks, to = (k0 / TOperands.Elements) + chunk;
            if (row0 + r < rows && to < pitch)
            {
                int from = (chunk * TOperands.Elements * Pitch) + r;
                FloatQuad first = Column(tile, from);
                target[(((long)Grid.IdxZ * rows) + row0 + r) * pitch + to] =
                    TOperands.Round(first, TOperands.Elements > 4 ? Column(tile, from + (4 * Pitch)) : first);
            }
        }
    }

    private static FloatQuad Column(ArrayView<float> tile, int at) => new()
    {
        X = tile[at], Y = tile[at + Pitch], Z = tile[at + (2 * Pitch)], W = tile[at + (3 * Pitch)],
    };
}
