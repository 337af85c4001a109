using System.Runtime.CompilerServices;
using ILGPU.IR.Intrinsics;

namespace DimIlgpu.Kernels;

/// <summary>
/// What CUDA's tensor cores and asynchronous copies do, for a warp of 32 threads; compute capability 8.0.
/// </summary>
/// <remarks>
/// On CUDA each is the instructions that <c>TensorCores.Ptx.cs</c> prints. The bodies here compute the same on simulated
/// threads, so that the kernels are tested without a GPU. Operands of a product have the same bytes in either format:
/// one step is 32 bytes of each row, 16 bfloat16 or 8 tf32.
/// </remarks>
internal static unsafe partial class TensorCores
{
    /// <summary>Threads of a warp.</summary>
    public const int Warp = 32;

    /// <summary>Rows of an <see cref="OperandTile"/>, and rows and columns of an <see cref="AccumulatorTile"/>.</summary>
    public const int Side = 64;

    /// <summary>Starts copies of 16 bytes, both ends aligned to 16, to shared memory.</summary>
    /// <param name="shared">Where the first copy of all goes.</param>
    /// <param name="gap">Chunks of 16 bytes from one to the next there, a constant.</param>
    /// <param name="source">The memory that is read.</param>
    /// <param name="from">Bytes from there to what the first copy of all reads.</param>
    /// <param name="stride">Bytes from one to the next there.</param>
    /// <param name="mask">Bit i is 0 where copy i reads nothing and writes zeros.</param>
    /// <param name="first">The first copy to start, a constant.</param>
    /// <param name="count">How many to start, a constant.</param>
    [IntrinsicImplementation]
    public static void Copy(
        ref WordQuad shared, int gap, ref WordQuad source, long from, int stride, int mask, int first, int count)
    {
        WordQuad* to = (WordQuad*)Unsafe.AsPointer(ref shared);
        byte* origin = (byte*)Unsafe.AsPointer(ref source) + from;
        for (int i = first; i < first + count; i++)
        {
            to[i * gap] = ((mask >> i) & 1) != 0 ? *(WordQuad*)(origin + ((long)i * stride)) : default;
        }
    }

    /// <summary>Starts a copy of 8 bytes, both ends aligned to 8, to shared memory.</summary>
    /// <param name="shared">Where it goes.</param>
    /// <param name="source">The memory that is read.</param>
    /// <param name="from">Bytes from there to what is read.</param>
    /// <param name="count">Bytes that are read: 8, or 0 to write zeros.</param>
    [IntrinsicImplementation]
    public static void CopyPair(ref WordPair shared, ref WordPair source, long from, int count) =>
        shared = count != 0 ? *(WordPair*)((byte*)Unsafe.AsPointer(ref source) + from) : default;

    /// <summary>Ends a group of copies, which may be empty.</summary>
    [IntrinsicImplementation]
    public static void CommitCopies()
    {
        // The copies above are done when they return.
    }

    /// <summary>Waits until no more than the <paramref name="pending"/> last groups of copies, a constant, are unfinished.</summary>
    [IntrinsicImplementation]
    public static void AwaitCopies(int pending) => _ = pending;

    /// <summary>Loads 64 rows × 32 bytes from shared memory, rows being 128 bytes apart.</summary>
    /// <param name="shared">
    /// One of the first 16 rows, and one of its two halves. For the left operand of a product, row <c>lane % 16</c> and half
    /// <c>lane / 16</c>; for the right one, row <c>lane % 8 + lane / 16 * 8</c> and half <c>lane / 8 % 2</c>.
    /// </param>
    [IntrinsicImplementation]
    public static OperandTile Load(ref WordQuad shared)
    {
        nint* rows = WarpExchange.All((nint)Unsafe.AsPointer(ref shared));
        OperandTile tile = default;
        WordQuad* quads = &tile.T0;
        for (int i = 0; i < 4; i++)
        {
            int* words = (int*)&quads[i];
            for (int matrix = 0; matrix < 4; matrix++)
            {
                int* row = (int*)rows[(8 * matrix) + (ILGPU.Warp.LaneIdx / 4)];
                words[matrix] = row[(i * 16 * 32) + (ILGPU.Warp.LaneIdx % 4)];
            }
        }

        return tile;
    }

    /// <summary>Loads 64 rows × 32 bytes of bfloat16 that lie in shared memory column by column, 16 rows from each of four places.</summary>
    /// <param name="rows0">
    /// 8 rows of one of 16 columns. For the left operand of a product, column <c>lane % 8 + lane / 16 * 8</c> and the rows'
    /// half <c>lane / 8 % 2</c>; for the right one, column <c>lane % 16</c> and half <c>lane / 16</c>.
    /// </param>
    /// <param name="rows16">The same, 16 rows on.</param>
    /// <param name="rows32">The same, 32 rows on.</param>
    /// <param name="rows48">The same, 48 rows on.</param>
    /// <param name="skip">Chunks of 16 bytes between these places and what is loaded, a constant.</param>
    [IntrinsicImplementation]
    public static OperandTile LoadTransposed(
        ref WordQuad rows0, ref WordQuad rows16, ref WordQuad rows32, ref WordQuad rows48, int skip)
    {
        nint* columns = (nint*)WarpExchange.All(new Places
        {
            Rows0 = (nint)Unsafe.AsPointer(ref rows0),
            Rows16 = (nint)Unsafe.AsPointer(ref rows16),
            Rows32 = (nint)Unsafe.AsPointer(ref rows32),
            Rows48 = (nint)Unsafe.AsPointer(ref rows48),
        });
        OperandTile tile = default;
        int* words = (int*)&tile;
        int row = ILGPU.Warp.LaneIdx / 4, pair = ILGPU.Warp.LaneIdx % 4 * 2;
        for (int i = 0; i < 16; i++)
        {
            // Four matrices of each place; the lanes that point at a matrix are adjacent.
            int lane = (i % 4 * 8) + pair;
            ushort* low = (ushort*)((WordQuad*)columns[(lane * 4) + (i / 4)] + skip);
            ushort* high = (ushort*)((WordQuad*)columns[((lane + 1) * 4) + (i / 4)] + skip);
            words[i] = (high[row] << 16) | low[row];
        }

        return tile;
    }

    /// <summary>Transposes words among four adjacent lanes: word i of lane q becomes word q of lane i.</summary>
    [IntrinsicImplementation]
    public static WordQuad Transpose(WordQuad words)
    {
        int* quads = (int*)(WarpExchange.All(words) + (ILGPU.Warp.LaneIdx / 4 * 4));
        int word = ILGPU.Warp.LaneIdx % 4;
        return new() { X = quads[word], Y = quads[4 + word], Z = quads[8 + word], W = quads[12 + word] };
    }

    /// <summary>c + a bᵀ, words being pairs of bfloat16, the earlier in the low half.</summary>
    [IntrinsicImplementation]
    public static AccumulatorTile MultiplyBFloat16(AccumulatorTile c, OperandTile a, OperandTile b) =>
        Multiply(c, a, b, &DotBFloat16);

    /// <summary>c + a bᵀ, words being tf32.</summary>
    [IntrinsicImplementation]
    public static AccumulatorTile MultiplyTensorFloat32(AccumulatorTile c, OperandTile a, OperandTile b) =>
        Multiply(c, a, b, &DotTensorFloat32);

    /// <summary>A pair of bfloat16, rounded to the nearest, ties to even.</summary>
    [IntrinsicImplementation]
    public static int RoundBFloat16(float low, float high) => BFloat16.RoundPair(low, high);

    /// <summary>The nearest tf32, ties away from zero.</summary>
    [IntrinsicImplementation]
    public static int RoundTensorFloat32(float x)
    {
        const int dropped = (1 << 13) - 1;
        int bits = BitConverter.SingleToInt32Bits(x);
        return float.IsNaN(x) ? 0x7fffffff : float.IsInfinity(x) ? bits : (bits + (1 << 12)) & ~dropped;
    }

    private static float DotBFloat16(int a, int b) =>
        (BitConverter.Int32BitsToSingle(a << 16) * BitConverter.Int32BitsToSingle(b << 16)) +
        (BitConverter.Int32BitsToSingle(a & ~0xffff) * BitConverter.Int32BitsToSingle(b & ~0xffff));

    private static float DotTensorFloat32(int a, int b) => BitConverter.Int32BitsToSingle(a) * BitConverter.Int32BitsToSingle(b);

    /// <summary>Each thread computes its own sums from the operands of all.</summary>
    private static AccumulatorTile Multiply(AccumulatorTile c, OperandTile a, OperandTile b, delegate*<int, int, float> dot)
    {
        (OperandTile A, OperandTile B)* all = WarpExchange.All((a, b));
        float* sums = (float*)&c;
        for (int i = 0; i < AccumulatorTileLength; i++)
        {
            // Tiles of 16 × 8, four sums of each: (row, column), then the next column, then both eight rows below.
            int tile = i / 4, row = (tile / 8 * 16) + (i % 4 / 2 * 8) + (ILGPU.Warp.LaneIdx / 4);
            int column = (tile % 8 * 8) + (ILGPU.Warp.LaneIdx % 4 * 2) + (i % 2);
            for (int word = 0; word < 8; word++)
            {
                sums[i] += dot(
                    Word(&all[(row % 8 * 4) + (word % 4)].A, row / 16, word / 4, row / 8 % 2),
                    Word(&all[(column % 8 * 4) + (word % 4)].B, column / 16, column / 8 % 2, word / 4));
            }
        }

        return c;
    }

    private const int AccumulatorTileLength = 128;

    private static int Word(OperandTile* tile, int quad, int upper, int lower) => ((int*)tile)[(quad * 4) + (upper * 2) + lower];

    private struct Places
    {
        public nint Rows0, Rows16, Rows32, Rows48;
    }
}
