using System.Runtime.CompilerServices;
using ILGPU.IR.Intrinsics;

namespace DimIlgpu.Kernels;

/// <summary>What Hopper's tensor cores do for four warps at once, reading both operands from shared memory; PTX for <see cref="GroupTarget"/>.</summary>
/// <remarks>
/// Operands are bfloat16 in blocks of 8 KB: 64 rows × 64 of the reduction, in shared memory by rows of 128 bytes, whose chunk c
/// of row r stands at c ^ (r % 8), each block from a multiple of 1024 bytes on. Where the operand's rows lie across the
/// reduction a block's rows are those of the reduction. The sums stay where the tensor cores add to them, registers that no
/// variable names: moved from one to another, each product would wait for the one before.
/// </remarks>
internal static unsafe partial class TensorCores
{
    /// <summary>The chips that have these instructions.</summary>
    public const string GroupTarget = "sm_90a";

    /// <summary>Warps that multiply together.</summary>
    public const int GroupWarps = 4;

    /// <summary>Chunks of 16 bytes of a block of an operand.</summary>
    public const int BlockChunks = Side * 8;

    private const int BlockBytes = BlockChunks * 16;

    // Of 64 rows × 64 columns.
    private const int PartSums = Side * Side / (GroupWarps * Warp);

    [ThreadStatic]
    private static float[]? groupSums;

    /// <summary>Makes room for a thread's sums, a constant number; once, before all else of these.</summary>
    [IntrinsicImplementation]
    public static void BeginGroup(int sums) => groupSums = new float[sums];

    /// <summary>Sets that many sums to 0, a constant. Where the tensor cores were told to begin anew instead, ptxas would keep the old ones until then.</summary>
    [IntrinsicImplementation]
    public static void ClearGroup(int sums) => groupSums.AsSpan(0, sums).Clear();

    /// <summary>Sets the <paramref name="part"/>th 64 rows × 64 columns, a constant, as <see cref="GroupSums"/> returns them.</summary>
    [IntrinsicImplementation]
    public static void SetGroup(int part, AccumulatorRow sums) => new Span<float>(&sums, PartSums).CopyTo(groupSums.AsSpan(part * PartSums));

    /// <summary>Lets what the thread's finished copies brought be read by products, after a barrier.</summary>
    [IntrinsicImplementation]
    public static void PublishCopies()
    {
        // The copies are in memory that everybody sees.
    }

    /// <summary>Starts adding a bᵀ to the sums as one group of products.</summary>
    /// <remarks>The sums of 64 rows follow those of the 64 before, each with room for whole 64 columns.</remarks>
    /// <param name="a">Blocks of the rows of these warps.</param>
    /// <param name="b">Blocks of the columns.</param>
    /// <param name="first">The first sixteen of the blocks' 64 of the reduction.</param>
    /// <param name="sixteens">How many, a constant.</param>
    /// <param name="blocks">Blocks of <paramref name="a"/>, a constant.</param>
    /// <param name="columns">Columns, a constant that 8 divides and at most 256.</param>
    /// <param name="isAcrossA">1 where the left operand's rows lie across the reduction, a constant.</param>
    /// <param name="isAcrossB">1 where those of the right operand do, a constant.</param>
    [IntrinsicImplementation]
    public static void MultiplyGroup(
        ref WordQuad a, ref WordQuad b, int first, int sixteens, int blocks, int columns, int isAcrossA, int isAcrossB)
    {
        ushort* left = (ushort*)Unsafe.AsPointer(ref a), right = (ushort*)Unsafe.AsPointer(ref b);
        int warp = ILGPU.Group.IdxX / Warp % GroupWarps, lane = ILGPU.Warp.LaneIdx;
        for (int i = 0; i < blocks * columns / 2; i++)
        {
            // As mma spreads them: tiles of 16 × 8, (row, column), then the next column, then both eight rows below.
            int block = i / (columns / 2), inBlock = i % (columns / 2);
            int row = (block * Side) + (warp * 16) + (lane / 4) + (i % 4 / 2 * 8), column = (inBlock / 4 * 8) + (lane % 4 * 2) + (i % 2);
            float sum = 0;
            for (int k = first * 16; k < (first + sixteens) * 16; k++)
            {
                sum += BitConverter.Int32BitsToSingle(left[InBlock(row, k, isAcrossA)] << 16) *
                    BitConverter.Int32BitsToSingle(right[InBlock(column, k, isAcrossB)] << 16);
            }

            groupSums![(block * SumsOfBlock(columns)) + inBlock] += sum;
        }
    }

    /// <summary>Waits until no more than the <paramref name="pending"/> last groups of products, a constant, are unfinished.</summary>
    [IntrinsicImplementation]
    public static void AwaitProducts(int pending) => _ = pending;

    /// <summary>Of the finished sums 16 rows × 64 columns: of the <paramref name="part"/>th 64 rows × 64 columns, a constant, 16 rows of which each warp has.</summary>
    [IntrinsicImplementation]
    public static AccumulatorRow GroupSums(int part)
    {
        AccumulatorRow sums = default;
        groupSums.AsSpan(part * PartSums, PartSums).CopyTo(new Span<float>(&sums, PartSums));
        return sums;
    }

    private static int SumsOfBlock(int columns) => (columns + Side - 1) / Side * PartSums;

    /// <summary>Elements from the beginning of the first block to one of a row and a place of the reduction.</summary>
    private static int InBlock(int row, int k, int isAcross)
    {
        (int line, int at) = isAcross != 0 ? (k, row % Side) : (row % Side, k);
        return (row / Side * BlockBytes / 2) + (line * Side) + (((at / 8) ^ (line % 8)) * 8) + (at % 8);
    }
}
