using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>The methods that ILGPU compiles: how each kind of kernel is laid over a GPU's threads.</summary>
internal static class KernelEntry
{
    /// <summary>GPU: a thread per lane of columns; the second axis of group and grid walks the strips.</summary>
    public static void Strips<TKernel, TLane>(TKernel kernel, long strips, int columns)
        where TKernel : struct, IStripKernel
        where TLane : unmanaged, ILane<TLane>
    {
        int column = Grid.GlobalIndex.X * TLane.Count;
        if (column < columns)
        {
            long step = (long)Grid.DimY * Group.DimY;
            for (long strip = ((long)Grid.IdxY * Group.DimY) + Group.IdxY; strip < strips; strip += step)
            {
                kernel.Execute<TLane>(strip, column);
            }
        }
    }

    /// <summary>GPU: a group per row.</summary>
    public static void Rows<TKernel, TPlatform, TLane>(TKernel kernel, long rows)
        where TKernel : struct, IRowKernel
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        for (long row = Grid.IdxX; row < rows; row += Grid.DimX)
        {
            kernel.Execute<TPlatform, TLane>(row);
        }
    }

    /// <summary>GPU: the kernel lays out its own work.</summary>
    public static void Groups<TKernel, TPlatform>(TKernel kernel)
        where TKernel : struct, IGroupKernel
        where TPlatform : struct, IPlatform => kernel.Execute<TPlatform>();

    /// <summary>CUDA: how many registers a thread may have, said as the groups that are to share a multiprocessor.</summary>
    public static KernelSpecialization Registers<TKernel>()
        where TKernel : struct, IGroupKernel => TKernel.GroupsPerProcessor > 0
            ? new(TKernel.ThreadsPerGroup, TKernel.GroupsPerProcessor)
            : KernelSpecialization.Empty;

    /// <inheritdoc cref="Registers{TKernel}"/>
    public static KernelSpecialization WarpRegisters<TKernel>()
        where TKernel : struct, IWarpKernel => TKernel.GroupsPerProcessor > 0
            ? new(TKernel.ThreadsPerGroup, TKernel.GroupsPerProcessor)
            : KernelSpecialization.Empty;

    /// <summary>CUDA: the kernel lays out its own work over warps.</summary>
    public static void Warps<TKernel>(TKernel kernel)
        where TKernel : struct, IWarpKernel => kernel.Execute();
}
