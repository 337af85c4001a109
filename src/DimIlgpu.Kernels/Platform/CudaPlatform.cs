using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Warp shuffles, then one value per warp through shared memory.</summary>
internal readonly struct CudaPlatform : IPlatform
{
    public static int Rank => Group.IdxX;

    public static int Size => Group.DimX;

    public static void Barrier() => Group.Barrier();

    public static void WarpBarrier() => Warp.Barrier();

    // As the second of some copies so many bytes apart, whose address is one multiplication and addition.
    public static void Copy(ref WordQuad shared, ArrayView<WordQuad> source, int index, bool isThere) =>
        TensorCores.Copy(ref shared, 0, ref source[0], 0, 16 * index, isThere ? 2 : 0, 1, 1);

    public static void CommitCopies() => TensorCores.CommitCopies();

    public static void AwaitCopies(int pending) => TensorCores.AwaitCopies(pending);

    public static float Sum(float x)
    {
        ArrayView<float> partial = SharedMemory.Allocate<float>(32);
        x = WarpSum(x);
        if (Warp.IsFirstLane)
        {
            partial[Warp.WarpIdx] = x;
        }

        Group.Barrier();
        x = WarpSum(Warp.LaneIdx < Group.DimX / Warp.WarpSize ? partial[Warp.LaneIdx] : 0f);
        Group.Barrier();
        return x;
    }

    public static float TeamSum(float x)
    {
        x += Warp.ShuffleXor(x, 16);
        x += Warp.ShuffleXor(x, 8);
        x += Warp.ShuffleXor(x, 4);
        x += Warp.ShuffleXor(x, 2);
        return x + Warp.ShuffleXor(x, 1);
    }

    private static float WarpSum(float x)
    {
        for (int mask = Warp.WarpSize >> 1; mask > 0; mask >>= 1)
        {
            x += Warp.ShuffleXor(x, mask);
        }

        return x;
    }
}
