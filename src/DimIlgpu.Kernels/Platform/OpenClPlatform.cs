using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Groups that share memory and barriers only: OpenCL of every vendor, and simulated threads in tests.</summary>
internal readonly struct OpenClPlatform : IPlatform
{
    public static int Rank => Group.IdxX;

    public static int Size => Group.DimX;

    public static void Barrier() => Intrinsics.Barrier();

    public static void WarpBarrier() => Intrinsics.Barrier();

    // OpenCL's own asynchronous copies are those of a whole group.
    public static void Copy(ref WordQuad shared, ArrayView<WordQuad> source, int index, bool isThere) =>
        CpuPlatform.Copy(ref shared, source, index, isThere);

    public static void CommitCopies() => CpuPlatform.CommitCopies();

    public static void AwaitCopies(int pending) => CpuPlatform.AwaitCopies(pending);

    public static float Sum(float x)
    {
        ArrayView<float> partial = SharedMemory.Allocate<float>(Device.GroupSize);
        partial[Group.IdxX] = x;
        Barrier();
        for (int half = Group.DimX >> 1; half > 0; half >>= 1)
        {
            if (Group.IdxX < half)
            {
                partial[Group.IdxX] += partial[Group.IdxX + half];
            }

            Barrier();
        }

        x = partial[0];
        Barrier();
        return x;
    }

    public static float TeamSum(float x)
    {
        ArrayView<float> partial = SharedMemory.Allocate<float>(Device.GroupSize);
        for (int mask = 16; mask > 0; mask >>= 1)
        {
            partial[Group.IdxX] = x;
            Barrier();
            x += partial[Group.IdxX ^ mask];
            Barrier();
        }

        return x;
    }
}
