using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>
/// C = A Bᵀ of packed operands, 128 × 128 by a group of four warps. Each warp keeps 64 × 64 sums in registers; operands
/// flow through shared memory in steps of 64 bytes of the reduction, four in the making: three copied ahead, one multiplied.
/// </summary>
/// <remarks>Two groups fit on a multiprocessor of sm_80 or sm_90, so that one can compute while the other starts or stores.</remarks>
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAlong), typeof(RowsAlong))]
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAlong), typeof(RowsAcross))]
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAcross), typeof(RowsAcross))]
[KernelInstance(typeof(TensorFloat32Operands), typeof(RowsAlong), typeof(RowsAlong))]
internal readonly struct LinearWarps<TOperands, TLeft, TRight>(PackedOperand a, PackedOperand b, WarpProduct product) : IWarpKernel
    where TOperands : struct, ITensorOperands
    where TLeft : struct, IOperandLayout
    where TRight : struct, IOperandLayout
{
    public const int Threads = 4 * TensorCores.Warp;
    public const int SharedBytes = Stages * StageChunks * 16;
    private const int Stages = 4;
    private const int TileChunks = PackedOperand.GroupRows * PackedOperand.StepChunks;
    private const int StageChunks = 2 * TileChunks;

    public void Execute()
    {
        ArrayView<WordQuad> shared = SharedMemory.GetDynamic<WordQuad>();
        int batch = Grid.IdxZ / product.Parts, part = Grid.IdxZ % product.Parts;
        int step = (int)((long)product.Steps * part / product.Parts), end = (int)((long)product.Steps * (part + 1) / product.Parts);
        int m0 = Grid.IdxY * PackedOperand.GroupRows, n0 = Grid.IdxX * PackedOperand.GroupRows;
        int warp = Group.IdxX / TensorCores.Warp, lane = Group.IdxX % TensorCores.Warp;
        int ownA = TLeft.OwnLeft(lane, warp / 2), ownB = TileChunks + TRight.OwnRight(lane, warp % 2);
        long fromA = TLeft.From(a, batch, m0, Group.IdxX) + ((long)step * TLeft.Stride(a));
        long fromB = TRight.From(b, batch, n0, Group.IdxX) + ((long)step * TRight.Stride(b));

        for (int ahead = 0; ahead < Stages - 1; ahead++)
        {
            if (step + ahead < end)
            {
                this.Copy(shared, ahead, fromA, fromB);
            }

            fromA += TLeft.Stride(a);
            fromB += TRight.Stride(b);
            TensorCores.CommitCopies();
        }

        LinearSums output = new(product, m0 + (warp / 2 * TensorCores.Side) + (lane / 4), n0 + (warp % 2 * TensorCores.Side) + (lane % 4 * 2));
        AccumulatorTile sums = output.Start();
        TensorCores.AwaitCopies(Stages - 2);
        Group.Barrier();
        OperandTile a0 = TLeft.Load(shared, ownA, 0), b0 = TRight.Load(shared, ownB, 0);
        int stage = 0;
        for (; step < end; step++)
        {
            int at = stage * StageChunks;
            OperandTile a1 = TLeft.Load(shared, at + ownA, 1), b1 = TRight.Load(shared, at + ownB, 1);
            if (step + Stages - 1 < end)
            {
                // Into the stage of the previous step, which every warp had loaded before the last barrier.
                this.Copy(shared, (stage + Stages - 1) & (Stages - 1), fromA, fromB);
            }

            fromA += TLeft.Stride(a);
            fromB += TRight.Stride(b);
            TensorCores.CommitCopies();
            sums = TOperands.Multiply(sums, a0, b0);
            TensorCores.AwaitCopies(Stages - 2);
            Group.Barrier();

            // The next step's first half, under way while this one's second half is multiplied.
            stage = (stage + 1) & (Stages - 1);
            at = stage * StageChunks;
            a0 = TLeft.Load(shared, at + ownA, 0);
            b0 = TRight.Load(shared, at + ownB, 0);
            sums = TOperands.Multiply(sums, a1, b1);
        }

        output.Store(sums);
    }

    /// <summary>Starts the copies of a step.</summary>
    private void Copy(ArrayView<WordQuad> shared, int stage, long fromA, long fromB)
    {
        int toA = (stage * StageChunks) + TLeft.To(Group.IdxX), toB = (stage * StageChunks) + TileChunks + TRight.To(Group.IdxX);
        for (int i = 0; i < TileChunks / Threads; i++)
        {
            TensorCores.Copy(ref shared[toA + (i * Threads)], ref a.Chunks[fromA + (i * TLeft.Jump(a, Threads))]);
        }

        for (int i = 0; i < TileChunks / Threads; i++)
        {
            TensorCores.Copy(ref shared[toB + (i * Threads)], ref b.Chunks[fromB + (i * TRight.Jump(b, Threads))]);
        }
    }
}

/// <summary>C (M, N), the reduction cut into parts, part p of batch g written to block g·parts + p of C.</summary>
internal readonly struct WarpProduct(int m, int n, int parts, int steps, Matrix bias, Matrix c, int start)
{
    public readonly int M = m;
    public readonly int N = n;
    public readonly int Parts = parts;
    public readonly int Steps = steps;
    public readonly Matrix Bias = bias;
    public readonly Matrix C = c;
    public readonly int Start = start;

    /// <summary>Whether two adjacent elements of C, the first of even column, can be written as one.</summary>
    public readonly int IsPaired =
        c.Memory.View.LoadEffectiveAddressAsPtr() % (2 * sizeof(float)) == 0 && c.RowStride % 2 == 0 && c.BatchStride % 2 == 0 ? 1 : 0;
}
