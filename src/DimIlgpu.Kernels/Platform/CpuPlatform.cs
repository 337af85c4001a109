using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>The CPU accelerator: a thread works alone, and its lanes are SIMD registers.</summary>
internal readonly struct CpuPlatform : IPlatform
{
    public static int Rank => 0;

    public static int Size => 1;

    public static float Sum(float x) => x;

    public static float TeamSum(float x) => x;

    public static void Barrier()
    {
    }

    public static void WarpBarrier()
    {
    }

    public static void Copy(ref WordQuad shared, ArrayView<WordQuad> source, int index, bool isThere)
    {
        WordQuad quad = default;
        if (isThere)
        {
            quad = source[index];
        }

        shared = quad;
    }

    public static void CommitCopies()
    {
        // The copies above are done when they return.
    }

    public static void AwaitCopies(int pending) => _ = pending;
}
