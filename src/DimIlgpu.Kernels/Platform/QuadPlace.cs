using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Which strip and which four columns a thread has, where a group is 64 threads of one strip.</summary>
internal readonly struct QuadPlace
{
    public const int Threads = 64;

    public readonly long Strip;
    public readonly int Column;

    public QuadPlace(int columns)
        : this(columns, Group.IdxX)
    {
    }

    /// <summary>The same in a group of several times 64 threads, where <paramref name="thread"/> is the place among the 64.</summary>
    public QuadPlace(int columns, int thread)
    {
        int groups = Groups(columns);
        this.Strip = Grid.IdxX / groups;
        this.Column = 4 * ((Grid.IdxX % groups * Threads) + thread);
    }

    /// <summary>Groups of a strip.</summary>
    public static int Groups(int columns) => ((columns / 4) + Threads - 1) / Threads;

    /// <summary>Launches a kernel that is laid out so.</summary>
    public static void Launch<TKernel>(Device device, TKernel kernel, long strips, int columns, int teams = 1)
        where TKernel : struct, IGroupKernel => device.Groups(kernel, new(checked((int)(strips * Groups(columns))), 1, 1), teams * Threads);
}
