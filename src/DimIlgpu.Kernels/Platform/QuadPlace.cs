using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Which strip and which four columns a thread has, where a group is 64 threads of one strip.</summary>
internal readonly struct QuadPlace
{
    public const int Threads = 64;

    public readonly long Strip;
    public readonly int Column;

    public QuadPlace(int columns)
    {
        int groups = Groups(columns);
        this.Strip = Grid.IdxX / groups;
        this.Column = 4 * ((Grid.IdxX % groups * Threads) + Group.IdxX);
    }

    /// <summary>Groups of a strip.</summary>
    public static int Groups(int columns) => ((columns / 4) + Threads - 1) / Threads;

    /// <summary>Launches a kernel that is laid out so.</summary>
    public static void Launch<TKernel>(Device device, TKernel kernel, long strips, int columns)
        where TKernel : struct, IGroupKernel => device.Groups(kernel, new(checked((int)(strips * Groups(columns))), 1, 1), Threads);
}
