using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>
/// C = A Bᵀ where the reduction is at most 128 bfloat16 long and C is large, such as dt_proj: what counts is writing C. A
/// group keeps 128 rows of A in shared memory and walks along tiles of 128 columns of C, of which it has the next one copied;
/// so it writes rows of C from one end to the other.
/// </summary>
/// <remarks>
/// <see cref="LinearWarps{TOperands, TLeft, TRight, TTile, TEnd}"/> would copy A again for each tile and multiply zeros up to a
/// multiple of 64; here only what fills the last 16 of the reduction is zeros. What B of a tile was in holds its sums on
/// their way to memory.
/// </remarks>
[KernelInstance(typeof(RowsAlong), typeof(PlainEnd))]
[KernelInstance(typeof(RowsAlong), typeof(SoftplusEnd))]
[KernelInstance(typeof(RowsAcross), typeof(PlainEnd))]
internal readonly struct LinearShort<TRight, TEnd>(WarpOperand a, WarpOperand b, ShortSchedule schedule, LinearRows rows) : IWarpKernel
    where TRight : struct, IOperandLayout
    where TEnd : struct, ISumsEnd
{
    /// <summary>The longest reduction, in steps.</summary>
    public const int MostSteps = 2;

    private const int StepChunks = ShortSchedule.Side * WarpOperand.StepChunks;
    private const int OperandChunks = MostSteps * StepChunks;

    // Sixteens of the reduction in a step.
    private const int StepParts = 4;

    // Rows and columns of a tile, and how many warps' sums lie beside each other.
    private const int Side = ShortSchedule.Side, WarpColumns = Side / TensorCores.Side;

    public const int Threads = 128;

    // Behind A and two tiles of B: where the group's tiles are, read again where it is needed, for ptxas would keep more of what follows
    // from it in registers than there are.
    private const int Own = 3 * OperandChunks;

    public const int SharedBytes = (Own + 1) * 16;

    private const int Copies = StepChunks / Threads;

    public void Execute()
    {
        ArrayView<WordQuad> shared = SharedMemory.GetDynamic<WordQuad>();
        int warp = Group.IdxX / TensorCores.Warp, lane = Group.IdxX % TensorCores.Warp;
        int ownA = RowsAlong.OwnLeft(lane, warp / WarpColumns, Side), ownB = TRight.OwnRight(lane, warp % WarpColumns, Side);
        int toB = OperandChunks + TRight.To(Group.IdxX, Side);
        int batch = Grid.IdxX / schedule.RowTiles, row = Grid.IdxX % schedule.RowTiles;
        if (Group.IdxX == 0)
        {
            shared[Own] = new() { X = batch, Y = row };
        }

        int first = schedule.First(Grid.IdxY), end = schedule.First(Grid.IdxY + 1);
        this.CopyA(shared, batch, row);
        this.CopyB(shared, toB, batch, first, end);
        TensorCores.CommitCopies();
        int stage = OperandChunks;
        for (int column = first; column < end; column++)
        {
            TensorCores.AwaitCopies(0);
            Group.Barrier();

            // Every warp has read what the last tile left where the next one is copied to.
            WordQuad own = shared[Own];
            this.CopyB(shared, (2 * OperandChunks) - stage + toB, own.X, column + 1, end);
            TensorCores.CommitCopies();
            int n = (column * Side) + (warp % WarpColumns * TensorCores.Side);
            AccumulatorTile sums = rows.First(own.X, n);
            for (int part = 0; part < schedule.Parts; part++)
            {
                // Divisions of signed numbers would take longer than the loads.
                int step = (part >> 2) * StepChunks, quarter = part & (StepParts - 1);
                OperandTile left = RowsAlong.LoadAny(shared, step, ownA, quarter, Side);
                OperandTile right = TRight.LoadAny(shared, stage + step, ownB, quarter, Side);
                sums = TensorCores.MultiplyBFloat16(sums, left, right);
            }

            // Every warp has loaded this tile when its sums are written over it.
            Group.Barrier();
            own = shared[Own];
            rows.Store<TEnd>(
                shared.SubView(stage + (warp * LinearRows.StageChunks), LinearRows.StageChunks), sums,
                own.X, (own.Y * Side) + (warp / WarpColumns * TensorCores.Side), n);
            stage = (3 * OperandChunks) - stage;
        }
    }

    private void CopyA(ArrayView<WordQuad> shared, int batch, int row)
    {
        int to = RowsAlong.To(Group.IdxX, Side);
        OperandCursor cursor = RowsAlong.Start(a, batch, row * Side, 0, Side, Threads);
        this.CopyA(ref shared[to], cursor);
        this.CopyA(ref shared[to + StepChunks], RowsAlong.Next(cursor, a));
    }

    private void CopyA(ref WordQuad shared, OperandCursor cursor) => TensorCores.Copy(
        ref shared, Threads, ref a.Memory[0], cursor.From, RowsAlong.Stride(a, Side, Threads), RowsAlong.Mask(cursor, Side, Threads), 0, Copies);

    private void CopyB(ArrayView<WordQuad> shared, int to, int batch, int column, int end)
    {
        // Beyond the group's last tile zeros are written, and nothing is read.
        OperandCursor cursor = column < end ? TRight.Start(b, batch, column * Side, 0, Side, Threads) : OperandCursor.Nothing;
        this.CopyB(ref shared[to], cursor);
        this.CopyB(ref shared[to + StepChunks], TRight.Next(cursor, b));
    }

    private void CopyB(ref WordQuad shared, OperandCursor cursor) => TensorCores.Copy(
        ref shared, Threads, ref b.Memory[0], cursor.From, TRight.Stride(b, Side, Threads), TRight.Mask(cursor, Side, Threads), 0, Copies);
}

/// <summary>How the tiles of a product with a short reduction are shared: a group has a run of the columns of one row of tiles.</summary>
/// <param name="rowTiles">Rows of tiles of one of the batch.</param>
/// <param name="columnTiles">Columns of tiles.</param>
/// <param name="runs">Runs that the columns are cut into.</param>
/// <param name="parts">Sixteens of the reduction.</param>
internal readonly struct ShortSchedule(int rowTiles, int columnTiles, int runs, int parts)
{
    /// <summary>Rows and columns of a tile.</summary>
    public const int Side = 128;

    private readonly int columnTiles = columnTiles;

    public readonly int RowTiles = rowTiles;

    public readonly int Runs = runs;

    public readonly int Parts = parts;

    /// <summary>The schedule for a result of m × n.</summary>
    public static ShortSchedule For(int m, int n, int batch, int depth, int wanted, int multiprocessors)
    {
        int rows = ((m - 1) / Side) + 1, columns = ((n - 1) / Side) + 1;

        // As many groups as run at once: each more has its A to copy and waits for it.
        int runs = wanted > 0 ? wanted : SmallTile.Together * multiprocessors / (batch * rows);
        return new(rows, columns, Math.Clamp(runs, 1, columns), ((depth - 1) / 16) + 1);
    }

    /// <summary>The first column of a run.</summary>
    public int First(int run) => (int)((long)this.columnTiles * run / this.Runs);
}
