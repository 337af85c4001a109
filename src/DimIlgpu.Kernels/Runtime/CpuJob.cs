using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One launch on the CPU, cut into parts; kept and filled anew by each launch of its kernel, so that launching allocates nothing.</summary>
/// <remarks>The loops are never inlined: their callers would use up what the JIT is willing to inline before a kernel's own code.</remarks>
internal abstract class CpuJob
{
    public static readonly CpuJob None = new NoJob();

    /// <summary>Runs parts <paramref name="first"/> … <paramref name="last"/> − 1 of <paramref name="parts"/>: adjacent work that depends on these numbers alone.</summary>
    /// <param name="first">The first part.</param>
    /// <param name="last">One past the last part.</param>
    /// <param name="parts">How many parts the work is divided into.</param>
    /// <param name="thread">Which of the team's threads runs them, for scratch memory of its own.</param>
    public abstract void Run(int first, int last, int parts, int thread);

    private sealed class NoJob : CpuJob
    {
        public override void Run(int first, int last, int parts, int thread)
        {
        }
    }
}

/// <summary>A kernel over strips of columns.</summary>
internal abstract class StripJob<TKernel> : CpuJob
    where TKernel : struct, IStripKernel
{
    public TKernel Kernel;
    public long Strips;
    public int Columns;

    public static StripJob<TKernel> Of(int lane) => lane switch
    {
        16 => new On<Vector512Lane>(),
        8 => new On<Vector256Lane>(),
        4 => new On<Vector128Lane>(),
        _ => new On<ScalarLane>(),
    };

    /// <summary>The same of four registers, whose columns together are <paramref name="lane"/>.</summary>
    public static StripJob<TKernel> OfFour(int lane) => lane switch
    {
        64 => new On<FourLane<Vector512Lane>>(),
        32 => new On<FourLane<Vector256Lane>>(),
        _ => new On<FourLane<Vector128Lane>>(),
    };

    private sealed class On<TLane> : StripJob<TKernel>
        where TLane : unmanaged, ILane<TLane>
    {
        public override void Run(int first, int last, int parts, int thread) =>
            Run(in this.Kernel, this.Strips, this.Columns, first, last, parts);

        [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
        private static void Run(in TKernel kernel, long strips, int columns, int first, int last, int parts)
        {
            int lanes = columns / TLane.Count;
            long begin = strips * lanes * first / parts, end = strips * lanes * last / parts;
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
    }
}

/// <summary>A kernel over rows whose columns are reduced together.</summary>
internal abstract class RowJob<TKernel> : CpuJob
    where TKernel : struct, IRowKernel
{
    public TKernel Kernel;
    public long Rows;

    public static RowJob<TKernel> Of(int lane) => lane switch
    {
        16 => new On<Vector512Lane>(),
        8 => new On<Vector256Lane>(),
        4 => new On<Vector128Lane>(),
        _ => new On<ScalarLane>(),
    };

    /// <summary>The same of four registers, whose columns together are <paramref name="lane"/>.</summary>
    public static RowJob<TKernel> OfFour(int lane) => lane switch
    {
        64 => new On<FourLane<Vector512Lane>>(),
        32 => new On<FourLane<Vector256Lane>>(),
        _ => new On<FourLane<Vector128Lane>>(),
    };

    private sealed class On<TLane> : RowJob<TKernel>
        where TLane : unmanaged, ILane<TLane>
    {
        public override void Run(int first, int last, int parts, int thread) => Run(in this.Kernel, this.Rows, first, last, parts);

        [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
        private static void Run(in TKernel kernel, long rows, int first, int last, int parts)
        {
            long end = rows * last / parts;
            for (long row = rows * first / parts; row < end; row++)
            {
                kernel.Execute<CpuPlatform, TLane>(row);
            }
        }
    }
}

/// <summary>A kernel of independent tiles.</summary>
internal abstract class TileJob<TKernel> : CpuJob
    where TKernel : struct, ITileKernel
{
    public TKernel Kernel;
    public long Tiles;

    public static TileJob<TKernel> Of(int lane) => lane switch
    {
        16 => new On<Vector512Lane>(),
        8 => new On<Vector256Lane>(),
        4 => new On<Vector128Lane>(),
        _ => new On<ScalarLane>(),
    };

    private sealed class On<TLane> : TileJob<TKernel>
        where TLane : unmanaged, ICpuLane<TLane>
    {
        public override void Run(int first, int last, int parts, int thread)
        {
            long end = this.Tiles * last / parts;
            for (long tile = this.Tiles * first / parts; tile < end; tile++)
            {
                this.Kernel.Execute<TLane>(tile, thread);
            }
        }
    }
}
