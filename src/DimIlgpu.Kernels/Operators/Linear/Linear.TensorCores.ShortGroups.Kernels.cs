using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>
/// What <see cref="LinearShort{TRight, TEnd}"/> computes, on Hopper: 128 × 128 by two times four warps, each four of which multiply
/// 64 rows. The tensor cores read both operands from shared memory, so that there are registers for twice as many warps, and one of
/// two groups multiplies while the other writes.
/// </summary>
/// <remarks>
/// Both operands lie in blocks, see <see cref="TensorCores"/>; what B of a tile was in holds its sums on their way to memory.
/// </remarks>
[KernelInstance(typeof(RowsAlong), typeof(PlainEnd))]
[KernelInstance(typeof(RowsAlong), typeof(SoftplusEnd))]
[KernelInstance(typeof(RowsAcross), typeof(PlainEnd))]
internal readonly struct LinearShortGroups<TRight, TEnd>(WarpOperand a, WarpOperand b, ShortSchedule schedule, LinearRows rows) : IWarpKernel
    where TRight : struct, IOperandLayout
    where TEnd : struct, ISumsEnd
{
    public const int Threads = 2 * TensorCores.GroupWarps * TensorCores.Warp;

    public const int SharedBytes = (BiasAt + (2 * BiasChunks)) * 16;

    private const int Sums = 64;

    private const int Side = ShortSchedule.Side, Blocks = Side / TensorCores.Side;
    private const int StepChunks = Blocks * TensorCores.BlockChunks, OperandChunks = 2 * StepChunks;

    // Of a tile of B and of its sums, as many chunks as a warp copies and then overwrites.
    private const int WarpChunks = OperandChunks / (Threads / TensorCores.Warp);

    // Behind A and two tiles of B: the biases of two tiles.
    private const int BiasAt = 3 * OperandChunks, BiasChunks = Side / 4;

    public static string Target => TensorCores.GroupTarget;

    public static int GroupsPerProcessor => 2;

    public static int ThreadsPerGroup => Threads;

    public void Execute()
    {
        ArrayView<WordQuad> shared = SharedMemory.GetDynamic<WordQuad>();
        int warp = Group.IdxX / TensorCores.Warp, four = warp / TensorCores.GroupWarps, ownA = four * TensorCores.BlockChunks;
        int batch = Grid.IdxX / schedule.RowTiles, row = Grid.IdxX % schedule.RowTiles * Side;
        int first = schedule.First(Grid.IdxY), end = schedule.First(Grid.IdxY + 1);
        TensorCores.BeginGroup(Sums);
        this.CopyA(shared, batch, row);
        OwnedCopy next = OwnedCopy.Start<TRight>(b, batch, first * Side, warp);
        ArrayView<WordQuad> stage = shared.SubView(OperandChunks + (warp * WarpChunks)), other = shared.SubView((2 * OperandChunks) + (warp * WarpChunks));
        next.Copy(stage, b);
        TensorCores.CommitCopies();
        next = next.Next<TRight>(b);
        next.Copy(other, b);
        TensorCores.CommitCopies();
        rows.KeepBias(shared.SubView(BiasAt), rows.Bias(batch, first * Side));
        TensorCores.AwaitCopies(1);
        TensorCores.PublishCopies();
        Group.Barrier();
        int turn = 0;
        row += (four * TensorCores.Side) + (warp % TensorCores.GroupWarps * 16);
        for (int column = first; column < end; column++)
        {
            int tile = (1 + turn) * OperandChunks;
            float bias = rows.Bias(batch, (column + 1) * Side);
            ArrayView<WordQuad> kept = shared.SubView(BiasAt + (turn * BiasChunks));
            TensorCores.SetGroup(0, rows.FirstRow(kept));
            TensorCores.SetGroup(1, rows.FirstRow(kept.SubView(BiasChunks / 2)));
            int step = 0;
            for (int parts = schedule.Parts; parts >= 4; parts -= 4)
            {
                TensorCores.MultiplyGroup(ref shared[step + ownA], ref shared[tile + step], 0, 4, 1, Side, 0, TRight.IsAcross);
                step += StepChunks;
            }

            for (int part = 0; part < (schedule.Parts & 3); part++)
            {
                TensorCores.MultiplyGroup(ref shared[step + ownA], ref shared[tile + step], part, 1, 1, Side, 0, TRight.IsAcross);
            }

            turn ^= 1;
            rows.KeepBias(shared.SubView(BiasAt + (turn * BiasChunks)), bias);
            TensorCores.AwaitProducts(0);
            TensorCores.AwaitCopies(0);
            TensorCores.PublishCopies();

            // All have multiplied this tile, over which its sums are written, and see the next one.
            Group.Barrier();
            ArrayView<WordQuad> own = shared.SubView(tile + (warp * WarpChunks));
            rows.Store<TEnd>(own, TensorCores.GroupSums(0), TensorCores.GroupSums(1), batch, row, column * Side);

            // What this warp wrote and read is where it copies to, so nobody else is waited for.
            Warp.Barrier();
            next = next.Next<TRight>(b);
            next.Copy(own, b);
            TensorCores.CommitCopies();
        }
    }

    private void CopyA(ArrayView<WordQuad> shared, int batch, int row)
    {
        int to = Group.IdxX ^ (Group.IdxX / WarpOperand.StepChunks % 8);
        OperandCursor cursor = RowsAlong.StartBlocks(a, batch, row, 0);
        RowsAlong.CopyBlocks(shared, to, a, cursor, Blocks);
        RowsAlong.CopyBlocks(shared, to + StepChunks, a, RowsAlong.Next(cursor, a), Blocks);
    }
}

/// <summary>What a warp copies of a tile of 128 × two steps in blocks: half a block, 32 rows of 128 bytes, four at a time.</summary>
internal struct OwnedCopy
{
    private const int Width = WarpOperand.StepChunks;

    private long from;
    private int rows;
    private int chunks;

    /// <summary>The tile whose first row or, across, column is given.</summary>
    public static OwnedCopy Start<TLayout>(WarpOperand operand, int batch, int first, int warp)
        where TLayout : struct, IOperandLayout
    {
        int step = warp / 4, block = warp / 2 % 2, lane = Group.IdxX % TensorCores.Warp;
        int down = (warp % 2 * 32) + (lane / Width), aside = lane % Width;
        int row = TLayout.IsAcross != 0 ? (step * TensorCores.Side) + down : first + (block * TensorCores.Side) + down;
        int chunk = TLayout.IsAcross != 0 ? (first / 8) + (block * Width) + aside : (step * Width) + aside;
        return new() { from = operand.At(batch, row, chunk), rows = operand.Rows - row, chunks = operand.Chunks - chunk };
    }

    /// <summary>The tile after it.</summary>
    public readonly OwnedCopy Next<TLayout>(WarpOperand operand)
        where TLayout : struct, IOperandLayout => TLayout.IsAcross != 0
            ? new() { from = this.from + (ShortSchedule.Side * 2), rows = this.rows, chunks = this.chunks - (ShortSchedule.Side / 8) }
            : new() { from = this.from + ((long)ShortSchedule.Side * operand.PitchBytes), rows = this.rows - ShortSchedule.Side, chunks = this.chunks };

    /// <summary>Starts the copies; zeros where there is nothing to read.</summary>
    public readonly void Copy(ArrayView<WordQuad> own, WarpOperand operand)
    {
        int lane = Group.IdxX % TensorCores.Warp, to = lane ^ (lane / Width), left = this.chunks > 0 ? this.rows : 0;
        const int once = TensorCores.Warp / Width, gap = 2 * TensorCores.Warp, count = 4;
        TensorCores.Copy(ref own[to], gap, ref operand.Memory[0], this.from, 2 * once * operand.PitchBytes, OperandCursor.Bits(left, 2 * once), 0, count);
        TensorCores.Copy(
            ref own[TensorCores.Warp + (to ^ once)], gap, ref operand.Memory[0], this.from + (once * operand.PitchBytes), 2 * once * operand.PitchBytes,
            OperandCursor.Bits(left - once, 2 * once), 0, count);
    }
}
