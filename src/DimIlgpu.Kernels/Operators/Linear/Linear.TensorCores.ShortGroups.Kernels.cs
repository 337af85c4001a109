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

    public const int SharedBytes = 3 * OperandChunks * 16;

    private const int Side = ShortSchedule.Side, Blocks = Side / TensorCores.Side;
    private const int StepChunks = Blocks * TensorCores.BlockChunks, OperandChunks = 2 * StepChunks;

    public static string Target => TensorCores.GroupTarget;

    public static int GroupsPerProcessor => 2;

    public static int ThreadsPerGroup => Threads;

    public void Execute()
    {
        ArrayView<WordQuad> shared = SharedMemory.GetDynamic<WordQuad>();
        int warp = Group.IdxX / TensorCores.Warp, four = warp / TensorCores.GroupWarps, to = Group.IdxX ^ (Group.IdxX / WarpOperand.StepChunks % 8);
        int batch = Grid.IdxX / schedule.RowTiles, row = Grid.IdxX % schedule.RowTiles * Side;
        int own = (row + (four * TensorCores.Side)) + (warp % TensorCores.GroupWarps * 16);
        TensorCores.BeginGroup(64);
        int first = schedule.First(Grid.IdxY), end = schedule.First(Grid.IdxY + 1);
        OperandCursor left = RowsAlong.StartBlocks(a, batch, row, 0);
        RowsAlong.CopyBlocks(shared, to, a, left, Blocks);
        RowsAlong.CopyBlocks(shared, to + StepChunks, a, RowsAlong.Next(left, a), Blocks);
        this.CopyB(shared, OperandChunks + to, batch, first, end);
        int stage = OperandChunks;
        for (int column = first; column < end; column++)
        {
            TensorCores.AwaitCopies(0);
            TensorCores.PublishCopies();
            Group.Barrier();

            // Every warp has read what the last tile left where the next one is copied to.
            this.CopyB(shared, (3 * OperandChunks) - stage + to, batch, column + 1, end);
            TensorCores.SetGroup(0, rows.FirstRow(batch, column * Side));
            TensorCores.SetGroup(1, rows.FirstRow(batch, (column * Side) + TensorCores.Side));
            for (int part = 0; part < schedule.Parts; part++)
            {
                int step = (part >> 2) * StepChunks;
                TensorCores.MultiplyGroup(
                    ref shared[step + (four * TensorCores.BlockChunks)], ref shared[stage + step], part & 3, 1, 1, Side, 0, TRight.IsAcross);
            }

            // All have multiplied this tile when its sums are written over it.
            TensorCores.AwaitProducts(0);
            Group.Barrier();
            rows.Store<TEnd>(
                shared.SubView(stage + (warp * LinearRows.StageChunks / 2), LinearRows.StageChunks / 2),
                TensorCores.GroupSums(0), TensorCores.GroupSums(1), batch, own, column * Side);
            stage = (3 * OperandChunks) - stage;
        }
    }

    private void CopyB(ArrayView<WordQuad> shared, int to, int batch, int column, int end)
    {
        // Beyond the group's last tile zeros are written, and nothing is read.
        OperandCursor cursor = column < end ? TRight.StartBlocks(b, batch, column * Side, 0) : OperandCursor.Nothing;
        TRight.CopyBlocks(shared, to, b, cursor, Blocks);
        TRight.CopyBlocks(shared, to + StepChunks, b, TRight.Next(cursor, b), Blocks);
        TensorCores.CommitCopies();
    }
}
