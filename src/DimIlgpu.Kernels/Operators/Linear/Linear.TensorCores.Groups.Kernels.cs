using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>
/// C = A Bᵀ on Hopper, a tile at a time by two times four warps, each four of which multiply half of the rows: the tensor cores
/// read both operands from shared memory, so that threads only copy. Steps are 128 bytes of the reduction.
/// </summary>
/// <remarks>
/// A group stays on its multiprocessor and takes one piece of work after another, and the copies of the next begin while the
/// last is multiplied.
/// </remarks>
[KernelInstance(typeof(RowsAlong), typeof(RowsAlong), typeof(GroupTile), typeof(PlainEnd))]
[KernelInstance(typeof(RowsAlong), typeof(RowsAcross), typeof(GroupTile), typeof(PlainEnd))]
[KernelInstance(typeof(RowsAcross), typeof(RowsAcross), typeof(GroupTile), typeof(PlainEnd))]
[KernelInstance(typeof(RowsAcross), typeof(RowsAcross), typeof(ThinTile), typeof(PlainEnd))]
[KernelInstance(typeof(RowsAlong), typeof(RowsAlong), typeof(GroupTile), typeof(SoftplusEnd))]
internal readonly struct LinearGroups<TLeft, TRight, TTile, TEnd>(WarpOperand a, WarpOperand b, WarpSchedule schedule, LinearPieces pieces) : IWarpKernel
    where TLeft : struct, IOperandLayout
    where TRight : struct, IOperandLayout
    where TTile : struct, IGroupTile
    where TEnd : struct, ISumsEnd
{
    private const int Sums = 6 * 32;

    private static int ChunksOfA => TTile.WarpRows * TensorCores.BlockChunks;

    private static int StageChunks => (TTile.WarpRows + TTile.WarpColumns) * TensorCores.BlockChunks;

    // Groups of products that go on while the next step is awaited.
    private static int Pending => TTile.Stages - 3;

    public static string Target => TensorCores.GroupTarget;

    public static int SharedBytes => TTile.Stages * StageChunks * 16;

    public void Execute()
    {
        ArrayView<WordQuad> shared = SharedMemory.GetDynamic<WordQuad>();
        int warp = Group.IdxX / TensorCores.Warp, to = Group.IdxX ^ (Group.IdxX / WarpOperand.StepChunks % 8);
        int ownA = warp / TensorCores.GroupWarps * (ChunksOfA / 2);
        TensorCores.BeginGroup(Sums);
        LinearFeed feed = this.Start(Grid.IdxX);
        for (int ahead = 0; ahead < 2; ahead++)
        {
            this.Copy(shared, (ahead * StageChunks) + to, feed);
            feed = this.Next(feed);
        }

        int stage = 0, free = 2 * StageChunks;
        for (int piece = Grid.IdxX; piece < schedule.Pieces; piece += Grid.DimX)
        {
            TensorCores.ClearGroup(Sums);
            for (int left = schedule.Piece(piece).Steps; left > 0; left--)
            {
                TensorCores.AwaitCopies(1);
                TensorCores.PublishCopies();
                Group.Barrier();
                TensorCores.MultiplyGroup(
                    ref shared[stage + ownA], ref shared[stage + ChunksOfA], 0, TensorCores.Side / 16, TTile.WarpRows / 2, TTile.Columns,
                    TLeft.IsAcross, TRight.IsAcross);

                // The free stage is that of a step whose products each warp had awaited before the barrier.
                this.Copy(shared, free + to, feed);
                feed = this.Next(feed);
                TensorCores.AwaitProducts(Pending);
                stage = After(stage);
                free = After(free);
            }

            TensorCores.AwaitProducts(0);
            if (!TTile.IsThin && piece < schedule.Whole)
            {
                // The stages of the last two steps are free until the next barrier, but the other four warps may still read them.
                Group.Barrier();
                int place = (warp < TensorCores.GroupWarps ? free : After(free)) + (warp % TensorCores.GroupWarps * LinearStage.Chunks);
                LinearStage rows = new(shared.SubView(place, LinearStage.Chunks), pieces, schedule.Piece(piece), GroupTile.Row(warp, 0));
                rows.Stage(0, TensorCores.GroupSums(0));
                rows.Stage(1, TensorCores.GroupSums(1));
                rows.Stage(2, TensorCores.GroupSums(2));
                rows.Store<TEnd>(0);
                rows.Stage(0, TensorCores.GroupSums(3));
                rows.Stage(1, TensorCores.GroupSums(4));
                rows.Stage(2, TensorCores.GroupSums(5));
                rows.Store<TEnd>(TensorCores.Side);
            }
            else
            {
                this.Keep(piece - schedule.Whole, 0, TensorCores.GroupSums(0));
                this.Keep(piece - schedule.Whole, 1, TensorCores.GroupSums(1));
                this.Keep(piece - schedule.Whole, 2, TensorCores.GroupSums(2));
                this.Keep(piece - schedule.Whole, 3, TensorCores.GroupSums(3));
                this.Keep(piece - schedule.Whole, 4, TensorCores.GroupSums(4));
                this.Keep(piece - schedule.Whole, 5, TensorCores.GroupSums(5));
            }
        }
    }

    private void Keep(int part, int row, AccumulatorRow sums)
    {
        if (TTile.IsThin)
        {
            pieces.KeepThin(part, row, TTile.Column(0, row), sums);
        }
        else
        {
            pieces.Keep<TTile>(part, row, sums);
        }
    }

    private static int After(int stage) => stage == (TTile.Stages - 1) * StageChunks ? 0 : stage + StageChunks;

    private void Copy(ArrayView<WordQuad> shared, int to, LinearFeed feed)
    {
        TLeft.CopyBlocks(shared, to, a, feed.A, TTile.WarpRows);
        TRight.CopyBlocks(shared, to + ChunksOfA, b, feed.B, TTile.WarpColumns);
        TensorCores.CommitCopies();
    }

    private LinearFeed Start(int piece)
    {
        WarpPiece work = schedule.Piece(piece);
        return new()
        {
            A = TLeft.StartBlocks(a, work.Batch, work.Row * TTile.WarpRows * TensorCores.Side, work.Step),
            B = TRight.StartBlocks(b, work.Batch, work.Column * TTile.WarpColumns * TensorCores.Side, work.Step),
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

/// <summary>Where a warp's 16 × 192 sums become rows, of which its threads write 8 adjacent columns at a time.</summary>
internal readonly struct LinearStage
{
    /// <summary>Chunks of 16 bytes of shared memory that a warp has.</summary>
    public const int Chunks = 14 * 1024 / 16;

    private const int Columns = 3 * TensorCores.Side;
    private const int Eights = Columns / 8;

    // Eight rows of pairs meet all banks where rows are 32 bytes longer than a multiple of 128.
    private const int Pitch = (Columns / 4) + 2;

    private readonly ArrayView<FloatQuad> quads;
    private readonly LinearPieces pieces;
    private readonly int batch;
    private readonly int row;
    private readonly int column;

    /// <param name="shared">The warp's memory.</param>
    /// <param name="pieces">Where the rows go.</param>
    /// <param name="piece">The tile.</param>
    /// <param name="row">The warp's first row of it.</param>
    public LinearStage(ArrayView<WordQuad> shared, LinearPieces pieces, WarpPiece piece, int row)
    {
        this.quads = shared.Cast<FloatQuad>();
        this.pieces = pieces;
        this.batch = piece.Batch;
        this.row = (piece.Row * GroupTile.WarpRows * TensorCores.Side) + row;
        this.column = piece.Column * Columns;
    }

    /// <summary>Lays out 64 columns, the <paramref name="part"/>th, a constant.</summary>
    /// <remarks>Quad q of a row stands at q ^ (q / 8 % 2), so that those who read every other one do not meet in a bank either.</remarks>
    public void Stage(int part, AccumulatorRow sums)
    {
        int lane = Group.IdxX % TensorCores.Warp, pair = lane % 4;

        // Views that start where this thread writes: what is added to them is constant.
        ArrayView<FloatPair> own = this.quads.Cast<FloatPair>().SubView(lane / 4 * 2 * Pitch);
        ArrayView<FloatPair> even = own.SubView(pair), odd = own.SubView(pair ^ 2);
        Put(even, part * 32, sums.C0);
        Put(even, (part * 32) + 4, sums.C1);
        Put(even, (part * 32) + 8, sums.C2);
        Put(even, (part * 32) + 12, sums.C3);
        Put(odd, (part * 32) + 16, sums.C4);
        Put(odd, (part * 32) + 20, sums.C5);
        Put(odd, (part * 32) + 24, sums.C6);
        Put(odd, (part * 32) + 28, sums.C7);
    }

    /// <summary>Writes the rows, so many below the warp's first.</summary>
    public void Store<TEnd>(int below)
        where TEnd : struct, ISumsEnd
    {
        Warp.Barrier();
        int lane = Group.IdxX % TensorCores.Warp, eight = lane % Eights, rows = this.pieces.RowsFrom(this.row + below);

        // Up to a number that the compiler does not know: unrolled, what each turn needs would be kept all along.
        for (int down = lane / Eights; down < rows;)
        {
            int at = (down * Pitch) + (2 * eight), turned = eight / 4 % 2;
            this.pieces.Store<TEnd>(
                this.batch, this.row + below + down, this.column + (8 * eight), this.quads[at + turned], this.quads[at + 1 - turned]);
            bool wraps = eight + TensorCores.Warp >= 2 * Eights;
            down += wraps ? 2 : 1;
            eight += TensorCores.Warp - (wraps ? 2 * Eights : Eights);
        }

        Warp.Barrier();
    }

    private static void Put(ArrayView<FloatPair> own, int at, FloatQuad sums)
    {
        own[at] = new() { X = sums.X, Y = sums.Y };
        own[at + (8 * 2 * Pitch)] = new() { X = sums.Z, Y = sums.W };
    }
}

/// <summary>Adds up the parts of thin tiles: a group per tile and 16 rows × 8 columns of each of its warps.</summary>
/// <remarks>Few results, many parts: with a thread for 8 times as many a multiprocessor would have too little on its way.</remarks>
internal readonly struct LinearFoldThin(WarpSchedule schedule, LinearPieces pieces) : IWarpKernel
{
    public void Execute() => pieces.FoldThin(
        schedule.At(Grid.IdxX, 0, 0), Grid.IdxX * schedule.Parts, schedule.Parts, Grid.IdxY / 8, Grid.IdxY % 8);
}
