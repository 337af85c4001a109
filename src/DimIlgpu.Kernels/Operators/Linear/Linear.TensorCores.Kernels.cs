using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>
/// C = A Bᵀ, a tile at a time by a group of warps. Each warp keeps 64 × 64 sums in registers; operands flow through shared
/// memory in steps of 128 bytes of the reduction, three in the making: two copied ahead, one multiplied.
/// </summary>
/// <remarks>
/// A group stays on its multiprocessor and takes one piece of work after another, and the copies of the next begin while the
/// last is multiplied. A step is four parts: each part's operands are loaded while the part before is multiplied, and the
/// copies are spread between, without a branch.
/// </remarks>
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAlong), typeof(RowsAlong), typeof(LargeTile), typeof(PlainEnd))]
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAlong), typeof(RowsAcross), typeof(LargeTile), typeof(PlainEnd))]
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAcross), typeof(RowsAcross), typeof(LargeTile), typeof(PlainEnd))]
[KernelInstance(typeof(TensorFloat32Operands), typeof(RowsAlong), typeof(RowsAlong), typeof(LargeTile), typeof(PlainEnd))]
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAlong), typeof(RowsAlong), typeof(SmallTile), typeof(PlainEnd))]
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAlong), typeof(RowsAcross), typeof(SmallTile), typeof(PlainEnd))]
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAcross), typeof(RowsAcross), typeof(SmallTile), typeof(PlainEnd))]
[KernelInstance(typeof(TensorFloat32Operands), typeof(RowsAlong), typeof(RowsAlong), typeof(SmallTile), typeof(PlainEnd))]
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAlong), typeof(RowsAlong), typeof(LargeTile), typeof(SoftplusEnd))]
[KernelInstance(typeof(TensorFloat32Operands), typeof(RowsAlong), typeof(RowsAlong), typeof(LargeTile), typeof(SoftplusEnd))]
[KernelInstance(typeof(BFloat16Operands), typeof(RowsAlong), typeof(RowsAlong), typeof(SmallTile), typeof(SoftplusEnd))]
[KernelInstance(typeof(TensorFloat32Operands), typeof(RowsAlong), typeof(RowsAlong), typeof(SmallTile), typeof(SoftplusEnd))]
internal readonly struct LinearWarps<TOperands, TLeft, TRight, TTile, TEnd>(
    WarpOperand a, WarpOperand b, WarpSchedule schedule, LinearPieces pieces) : IWarpKernel
    where TOperands : struct, ITensorOperands
    where TLeft : struct, IOperandLayout
    where TRight : struct, IOperandLayout
    where TTile : struct, IWarpTile
    where TEnd : struct, ISumsEnd
{
    private const int Stages = 3;

    public static int SharedBytes => Stages * StageChunks * 16;

    private static int Rows => TTile.WarpRows * TensorCores.Side;

    private static int Columns => TTile.WarpColumns * TensorCores.Side;

    private static int ChunksOfA => Rows * WarpOperand.StepChunks;

    private static int ChunksOfB => Columns * WarpOperand.StepChunks;

    private static int StageChunks => ChunksOfA + ChunksOfB;

    private static int CopiesOfA => ChunksOfA / TTile.Threads;

    private static int CopiesOfB => ChunksOfB / TTile.Threads;

    public void Execute()
    {
        ArrayView<WordQuad> shared = SharedMemory.GetDynamic<WordQuad>();
        int warp = Group.IdxX / TensorCores.Warp, lane = Group.IdxX % TensorCores.Warp;
        int ownA = TLeft.OwnLeft(lane, warp / TTile.WarpColumns, Rows);
        int ownB = TRight.OwnRight(lane, warp % TTile.WarpColumns, Columns);
        int toA = TLeft.To(Group.IdxX, Rows), toB = ChunksOfA + TRight.To(Group.IdxX, Columns);
        LinearFeed feed = this.Start(Grid.IdxX);
        for (int ahead = 0; ahead < Stages - 1; ahead++)
        {
            this.CopyA(shared, (ahead * StageChunks) + toA, feed, 0, CopiesOfA);
            this.CopyB(shared, (ahead * StageChunks) + toB, feed);
            TensorCores.CommitCopies();
            feed = this.Next(feed);
        }

        TensorCores.AwaitCopies(Stages - 2);
        Group.Barrier();
        OperandTile a0 = TLeft.Load(shared, 0, ownA, 0, Rows), b0 = TRight.Load(shared, ChunksOfA, ownB, 0, Columns);
        int stage = 0, free = (Stages - 1) * StageChunks;
        for (int piece = Grid.IdxX; piece < schedule.Pieces; piece += Grid.DimX)
        {
            AccumulatorTile sums = default;
            for (int left = schedule.Piece(piece).Steps; left > 0; left--)
            {
                // The free stage is that of the previous step, which every warp had loaded before the last barrier.
                OperandTile a1 = TLeft.Load(shared, stage, ownA, 1, Rows), b1 = TRight.Load(shared, stage + ChunksOfA, ownB, 1, Columns);
                this.CopyA(shared, free + toA, feed, 0, CopiesOfA / 2);
                sums = TOperands.Multiply(sums, a0, b0);

                a0 = TLeft.Load(shared, stage, ownA, 2, Rows);
                b0 = TRight.Load(shared, stage + ChunksOfA, ownB, 2, Columns);
                this.CopyA(shared, free + toA, feed, CopiesOfA / 2, CopiesOfA / 2);
                sums = TOperands.Multiply(sums, a1, b1);

                a1 = TLeft.Load(shared, stage, ownA, 3, Rows);
                b1 = TRight.Load(shared, stage + ChunksOfA, ownB, 3, Columns);
                this.CopyB(shared, free + toB, feed);
                TensorCores.CommitCopies();
                sums = TOperands.Multiply(sums, a0, b0);

                TensorCores.AwaitCopies(Stages - 2);
                Group.Barrier();
                free = stage;
                stage = stage == (Stages - 1) * StageChunks ? 0 : stage + StageChunks;
                a0 = TLeft.Load(shared, stage, ownA, 0, Rows);
                b0 = TRight.Load(shared, stage + ChunksOfA, ownB, 0, Columns);
                sums = TOperands.Multiply(sums, a1, b1);
                feed = this.Next(feed);
            }

            if (piece < schedule.Whole)
            {
                LinearSums output = pieces.At<TTile>(schedule.Piece(piece));
                output.Store<TEnd>(sums.R0, 0);
                output.Store<TEnd>(sums.R1, 1);
                output.Store<TEnd>(sums.R2, 2);
                output.Store<TEnd>(sums.R3, 3);
            }
            else
            {
                pieces.Keep<TTile>(piece - schedule.Whole, sums);
            }
        }
    }

    private void CopyA(ArrayView<WordQuad> shared, int to, LinearFeed feed, int first, int count) => TensorCores.Copy(
        ref shared[to], TTile.Threads, ref a.Memory[0], feed.A.From, TLeft.Stride(a, Rows, TTile.Threads), TLeft.Mask(feed.A, Rows, TTile.Threads), first, count);

    private void CopyB(ArrayView<WordQuad> shared, int to, LinearFeed feed) => TensorCores.Copy(
        ref shared[to], TTile.Threads, ref b.Memory[0], feed.B.From, TRight.Stride(b, Columns, TTile.Threads), TRight.Mask(feed.B, Columns, TTile.Threads),
        0, CopiesOfB);

    private LinearFeed Start(int piece)
    {
        WarpPiece work = schedule.Piece(piece);
        return new()
        {
            A = TLeft.Start(a, work.Batch, work.Row * Rows, work.Step, Rows, TTile.Threads),
            B = TRight.Start(b, work.Batch, work.Column * Columns, work.Step, Columns, TTile.Threads),
            Piece = piece,
            Left = work.Steps,
        };
    }

    /// <summary>What is copied after this step: the next step, the next piece's first, or, after the last, nothing.</summary>
    private LinearFeed Next(LinearFeed feed)
    {
        if (feed.Left > 1)
        {
            return feed.Next<TLeft, TRight>(a, b);
        }

        int piece = feed.Piece + Grid.DimX;
        return piece < schedule.Pieces ? this.Start(piece) : LinearFeed.Nothing(feed.Piece);
    }
}

/// <summary>Adds up the parts of the tiles whose reduction was cut, in order: a group per tile and part of its warps.</summary>
[KernelInstance(typeof(GroupTile), typeof(PlainEnd))]
[KernelInstance(typeof(LargeTile), typeof(PlainEnd))]
[KernelInstance(typeof(SmallTile), typeof(PlainEnd))]
[KernelInstance(typeof(GroupTile), typeof(SoftplusEnd))]
[KernelInstance(typeof(LargeTile), typeof(SoftplusEnd))]
[KernelInstance(typeof(SmallTile), typeof(SoftplusEnd))]
internal readonly struct LinearFold<TTile, TEnd>(WarpSchedule schedule, LinearPieces pieces) : IWarpKernel
    where TTile : struct, IWarpTile
    where TEnd : struct, ISumsEnd
{
    public void Execute()
    {
        int tile = Grid.IdxX, ofWarp = Grid.IdxY, warp = Group.IdxX / TensorCores.Warp, lane = Group.IdxX % TensorCores.Warp;
        AccumulatorRow sums = pieces.Kept<TTile>(tile * schedule.Parts, ofWarp);
        for (int part = 1; part < schedule.Parts; part++)
        {
            sums = LinearSums.Add(sums, pieces.Kept<TTile>((tile * schedule.Parts) + part, ofWarp));
        }

        WarpPiece whole = schedule.At(schedule.Whole + tile, 0, 0);
        pieces.At<TTile>(whole, TTile.Row(warp, ofWarp) + (lane / 4), TTile.Column(warp, ofWarp), lane % 4).Store<TEnd>(sums, 0);
    }
}
