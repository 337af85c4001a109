using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>The methods that ILGPU compiles: how each kind of kernel is laid over threads and cores.</summary>
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

    /// <summary>CPU: each group takes a contiguous run of lanes.</summary>
    public static void CpuStrips<TKernel, TLane>(TKernel kernel, long strips, int columns)
        where TKernel : struct, IStripKernel
        where TLane : unmanaged, ICpuLane<TLane> =>
        CpuLoop.Strips<TKernel, TLane>(in kernel, strips, columns, Grid.IdxX, Grid.DimX);

    /// <summary>CPU: each group takes a contiguous run of rows.</summary>
    public static void CpuRows<TKernel, TLane>(TKernel kernel, long rows)
        where TKernel : struct, IRowKernel
        where TLane : unmanaged, ICpuLane<TLane> =>
        CpuLoop.Rows<TKernel, TLane>(in kernel, rows, Grid.IdxX, Grid.DimX);

    /// <summary>CPU: each group takes a contiguous run of tiles.</summary>
    public static void CpuTiles<TKernel, TLane>(TKernel kernel, long tiles)
        where TKernel : struct, ITileKernel
        where TLane : unmanaged, ICpuLane<TLane> =>
        CpuLoop.Tiles<TKernel, TLane>(in kernel, tiles, Grid.IdxX, Grid.DimX);

    /// <summary>The CPU's loops, which the GPU front end never reads.</summary>
    /// <remarks>Never inlined: ILGPU's launcher would use up what the JIT is willing to inline before a kernel's own code.</remarks>
    private static class CpuLoop
    {
        [IntrinsicImplementation, MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
        public static void Strips<TKernel, TLane>(in TKernel kernel, long strips, int columns, int group, int groups)
            where TKernel : struct, IStripKernel
            where TLane : unmanaged, ICpuLane<TLane>
        {
            int lanes = columns / TLane.Count;
            long begin = strips * lanes * group / groups, end = strips * lanes * (group + 1) / groups;
            long strip = begin / lanes;
            int column = (int)(begin % lanes) * TLane.Count;
            for (long i = begin; i < end; i++)
            {
                kernel.Execute<TLane>(strip, column);
                column += TLane.Count;
                if (column == columns)
                {
                    (strip, column) = (strip + 1, 0);
                }
            }
        }

        [IntrinsicImplementation, MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
        public static void Rows<TKernel, TLane>(in TKernel kernel, long rows, int group, int groups)
            where TKernel : struct, IRowKernel
            where TLane : unmanaged, ICpuLane<TLane>
        {
            long end = rows * (group + 1) / groups;
            for (long row = rows * group / groups; row < end; row++)
            {
                kernel.Execute<CpuPlatform, TLane>(row);
            }
        }

        [IntrinsicImplementation, MethodImpl(MethodImplOptions.NoInlining)]
        public static void Tiles<TKernel, TLane>(in TKernel kernel, long tiles, int group, int groups)
            where TKernel : struct, ITileKernel
            where TLane : unmanaged, ICpuLane<TLane>
        {
            long end = tiles * (group + 1) / groups;
            for (long tile = tiles * group / groups; tile < end; tile++)
            {
                kernel.Execute<TLane>(tile, group);
            }
        }
    }
}
