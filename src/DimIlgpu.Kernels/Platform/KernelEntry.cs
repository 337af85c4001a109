using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>The methods that ILGPU compiles: how each kind of kernel is laid over a GPU's threads.</summary>
internal static class KernelEntry
{
    /// <summary>GPU: a thread per column; the grid's second axis walks the strips.</summary>
    public static void Strips<TKernel>(TKernel kernel, long strips, int columns)
        where TKernel : struct, IStripKernel
    {
        int column = Grid.GlobalIndex.X;
        if (column < columns)
        {
            for (long strip = Grid.IdxY; strip < strips; strip += Grid.DimY)
            {
                kernel.Execute<ThreadLane>(strip, column);
            }
        }
    }

    /// <summary>GPU: a group per row.</summary>
    public static void Rows<TKernel, TPlatform>(TKernel kernel, long rows)
        where TKernel : struct, IRowKernel
        where TPlatform : struct, IPlatform
    {
        for (long row = Grid.IdxX; row < rows; row += Grid.DimX)
        {
            kernel.Execute<TPlatform, ThreadLane>(row);
        }
    }

    /// <summary>GPU: the kernel lays out its own work.</summary>
    public static void Groups<TKernel, TPlatform>(TKernel kernel)
        where TKernel : struct, IGroupKernel
        where TPlatform : struct, IPlatform => kernel.Execute<TPlatform>();

    /// <summary>CUDA: the kernel lays out its own work over warps.</summary>
    public static void Warps<TKernel>(TKernel kernel)
        where TKernel : struct, IWarpKernel => kernel.Execute();
}
