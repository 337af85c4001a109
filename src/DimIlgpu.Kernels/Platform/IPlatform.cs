using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>How the threads that share a row or a tile work together; one implementation per back end.</summary>
/// <remarks>A kernel receives its platform as a type argument, so code of another platform is never compiled into it.</remarks>
internal interface IPlatform
{
    /// <summary>This thread's place among those that cooperate.</summary>
    static abstract int Rank { get; }

    /// <summary>How many threads cooperate.</summary>
    static abstract int Size { get; }

    /// <summary>The sum of <paramref name="x"/> over the cooperating threads, in each of them; every thread must call it.</summary>
    static abstract float Sum(float x);

    /// <summary>The same over each 32 adjacent threads of a group whose threads are a multiple of 32; every thread of it must call it.</summary>
    static abstract float TeamSum(float x);

    /// <summary>Waits for the cooperating threads and makes their shared and global writes visible.</summary>
    static abstract void Barrier();

    /// <summary>
    /// The same for 32 adjacent threads, the first of which is a multiple of 32. Where a back end has no such barrier it is
    /// the whole group's, so every thread must reach it.
    /// </summary>
    static abstract void WarpBarrier();

    /// <summary>Starts a copy of 16 bytes to shared memory, both ends aligned to 16.</summary>
    /// <param name="shared">Where it goes.</param>
    /// <param name="source">What it is read from.</param>
    /// <param name="index">The place in that view.</param>
    /// <param name="isThere">Whether there is such a place; otherwise zeros are written.</param>
    static abstract void Copy(ref WordQuad shared, ArrayView<WordQuad> source, int index, bool isThere);

    /// <summary>Ends a group of this thread's copies, which may be empty.</summary>
    static abstract void CommitCopies();

    /// <summary>Waits until no more than the <paramref name="pending"/> last groups of this thread's copies, a constant, are unfinished.</summary>
    static abstract void AwaitCopies(int pending);
}

/// <summary>Independent strips of adjacent columns: element maps, reductions over rows, convolution, scan.</summary>
internal interface IStripKernel
{
    /// <summary>Columns of one thread on a GPU, registers of columns on the CPU, at most: 1 for a kernel that keeps many values of each column.</summary>
    static virtual int MostColumnsPerThread => QuadLane.Count;

    /// <summary>Computes columns <paramref name="column"/> … + <c>TLane.Count</c> − 1 of strip <paramref name="strip"/>.</summary>
    void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>;
}

/// <summary>Rows whose columns are reduced together: one group on a GPU, one thread on the CPU.</summary>
internal interface IRowKernel
{
    /// <summary>Registers of columns on the CPU, at most; four pay where no sum over a row is waited for.</summary>
    static virtual int MostRegisters => 1;

    /// <summary>Computes one row.</summary>
    void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>;
}

/// <summary>A GPU kernel of cooperating groups that lays out its own work.</summary>
internal interface IGroupKernel
{
    /// <summary>Groups that are meant to share a multiprocessor, by which CUDA limits a thread's registers; 0 for no limit.</summary>
    static virtual int GroupsPerProcessor => 0;

    /// <summary>Threads of a group, where <see cref="GroupsPerProcessor"/> says how many of them.</summary>
    static virtual int ThreadsPerGroup => 0;

    /// <summary>Computes this group's part; every thread must reach every barrier.</summary>
    void Execute<TPlatform>()
        where TPlatform : struct, IPlatform;
}

/// <summary>A CUDA kernel of whole warps, for what no other back end has: tensor cores, asynchronous copies.</summary>
internal interface IWarpKernel
{
    /// <summary>The chip whose own instructions or shared memory it needs, as PTX names it; empty where every chip from compute capability 8.0 on has them.</summary>
    static virtual string Target => "";

    /// <summary>Groups that are to share a multiprocessor, which limits a thread's registers; 0 leaves them to ptxas.</summary>
    static virtual int GroupsPerProcessor => 0;

    /// <summary>Threads of a group, where <see cref="GroupsPerProcessor"/> is not 0.</summary>
    static virtual int ThreadsPerGroup => 0;

    /// <summary>Computes this group's part; every thread must reach every barrier.</summary>
    void Execute();
}

/// <summary>A CPU kernel of independent tiles over raw memory.</summary>
internal interface ITileKernel
{
    /// <summary>Computes tile <paramref name="tile"/>.</summary>
    /// <param name="tile">Which tile.</param>
    /// <param name="thread">Which of <c>Device.Threads</c> runs it: tiles of one thread run one after another and may share scratch memory.</param>
    void Execute<TLane>(long tile, int thread)
        where TLane : unmanaged, ICpuLane<TLane>;
}
