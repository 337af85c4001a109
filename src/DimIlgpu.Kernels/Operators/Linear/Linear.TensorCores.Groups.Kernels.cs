using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>
/// C = A Bᵀ on Hopper, 256 × 192 at a time by two times four warps, each four of which multiply 128 rows: the tensor cores read
/// both operands from shared memory, so that threads only copy. Steps are 128 bytes of the reduction, four in the making: two
/// copied ahead, two multiplied.
/// </summary>
/// <remarks>
/// A group stays on its multiprocessor and takes one piece of work after another, and the copies of the next begin while the
/// last is multiplied.
/// </remarks>
[KernelInstance(typeof(RowsAlong), typeof(RowsAlong))]
[KernelInstance(typeof(RowsAlong), typeof(RowsAcross))]
[KernelInstance(typeof(RowsAcross), typeof(RowsAcross))]
internal readonly struct LinearGroups<TLeft, TRight>(WarpOperand a, WarpOperand b, WarpSchedule schedule, LinearPieces pieces) : IWarpKernel
    where TLeft : struct, IOperandLayout
    where TRight : struct, IOperandLayout
{
    private const int Stages = 4;
    private const int BlocksOfA = GroupTile.Height / TensorCores.Side;
    private const int BlocksOfB = TensorCores.GroupColumns / TensorCores.Side;
    private const int ChunksOfA = BlocksOfA * TensorCores.BlockChunks;
    private const int StageChunks = (BlocksOfA + BlocksOfB) * TensorCores.BlockChunks;

    public static string Target => TensorCores.GroupTarget;

    public static int SharedBytes => Stages * StageChunks * 16;

    public void Execute()
    {
        ArrayView<WordQuad> shared = SharedMemory.GetDynamic<WordQuad>();
        int warp = Group.IdxX / TensorCores.Warp, lane = Group.IdxX % TensorCores.Warp, to = Group.IdxX ^ (Group.IdxX / WarpOperand.StepChunks % 8);
        int ownA = warp / TensorCores.GroupWarps * (TensorCores.GroupRows / TensorCores.Side) * TensorCores.BlockChunks;
        int row = GroupTile.Row(warp, 0) + (lane / 4), pair = lane % 4;
        TensorCores.BeginGroup();
        Feed feed = this.Start(Grid.IdxX);
        for (int ahead = 0; ahead < 2; ahead++)
        {
            this.Copy(shared, (ahead * StageChunks) + to, feed);
            feed = this.Next(feed);
        }

        int stage = 0, free = 2 * StageChunks;
        for (int piece = Grid.IdxX; piece < schedule.Pieces; piece += Grid.DimX)
        {
            TensorCores.ClearGroup();
            for (int left = schedule.Piece(piece).Steps; left > 0; left--)
            {
                TensorCores.AwaitCopies(1);
                TensorCores.PublishCopies();
                Group.Barrier();
                TensorCores.MultiplyGroup(ref shared[stage + ownA], ref shared[stage + ChunksOfA], TLeft.IsAcross, TRight.IsAcross);

                // The free stage is that of the step before the last, whose products each warp had awaited before the barrier.
                this.Copy(shared, free + to, feed);
                feed = this.Next(feed);
                TensorCores.AwaitProducts(1);
                stage = After(stage);
                free = After(free);
            }

            TensorCores.AwaitProducts(0);
            this.Store(piece, 0, row, pair, TensorCores.GroupSums(0, 0));
            this.Store(piece, 1, row, pair, TensorCores.GroupSums(0, 1));
            this.Store(piece, 2, row, pair, TensorCores.GroupSums(0, 2));
            this.Store(piece, 3, row, pair, TensorCores.GroupSums(1, 0));
            this.Store(piece, 4, row, pair, TensorCores.GroupSums(1, 1));
            this.Store(piece, 5, row, pair, TensorCores.GroupSums(1, 2));
        }
    }

    private static int After(int stage) => stage == (Stages - 1) * StageChunks ? 0 : stage + StageChunks;

    private void Store(int piece, int part, int row, int pair, AccumulatorRow sums)
    {
        if (piece < schedule.Whole)
        {
            pieces.At<GroupTile>(schedule.Piece(piece), row + GroupTile.Row(0, part), GroupTile.Column(0, part), pair).Store(sums, 0);
        }
        else
        {
            pieces.Keep<GroupTile>(piece - schedule.Whole, part, sums);
        }
    }

    private void Copy(ArrayView<WordQuad> shared, int to, Feed feed)
    {
        TLeft.CopyBlocks(shared, to, a, feed.A, BlocksOfA);
        TRight.CopyBlocks(shared, to + ChunksOfA, b, feed.B, BlocksOfB);
        TensorCores.CommitCopies();
    }

    private Feed Start(int piece)
    {
        WarpPiece work = schedule.Piece(piece);
        return new()
        {
            A = TLeft.StartBlocks(a, work.Batch, work.Row * GroupTile.Height, work.Step),
            B = TRight.StartBlocks(b, work.Batch, work.Column * TensorCores.GroupColumns, work.Step),
            Piece = piece,
            Left = work.Steps,
        };
    }

    /// <summary>What is copied after this step: the next step, the next piece's first, or, after the last, nothing.</summary>
    private Feed Next(Feed feed)
    {
        if (feed.Left > 1)
        {
            return new() { A = TLeft.Next(feed.A, a), B = TRight.Next(feed.B, b), Piece = feed.Piece, Left = feed.Left - 1 };
        }

        int piece = feed.Piece + Grid.DimX;
        return piece < schedule.Pieces
            ? this.Start(piece)
            : new() { A = OperandCursor.Nothing, B = OperandCursor.Nothing, Piece = feed.Piece, Left = 1 };
    }

    private struct Feed
    {
        public OperandCursor A, B;
        public int Piece, Left;
    }
}
