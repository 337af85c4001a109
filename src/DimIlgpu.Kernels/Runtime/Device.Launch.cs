using System.Numerics;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace DimIlgpu.Kernels;

/// <content>Launches: each kind of kernel laid over the device's threads, and what it is launched through.</content>
public sealed partial class Device
{
    /// <summary>Runs a kernel over <paramref name="strips"/> × <paramref name="columns"/>.</summary>
    /// <param name="kernel">The kernel and its arguments.</param>
    /// <param name="strips">Number of strips.</param>
    /// <param name="columns">Columns of each strip; the widest lane that divides them is chosen.</param>
    /// <param name="widest">The widest lane that the kernel can use.</param>
    /// <param name="alone">Whether the CPU's launching thread does all of them: for less work than it takes to share it.</param>
    internal void Strips<TKernel>(in TKernel kernel, long strips, int columns, int widest = int.MaxValue, bool alone = false)
        where TKernel : struct, IStripKernel
    {
        if (this.Divert is not null)
        {
            this.StripsLater(kernel, strips, columns, widest, alone);
            return;
        }

        if (this.Team is { } team)
        {
            int lane = this.WidestLane(columns, widest, TKernel.MostColumnsPerThread);
            StripJob<TKernel> job = this.Loaded<StripJob<TKernel>>(typeof(TKernel), lane, lane > this.LaneWidth ? StripJob<TKernel>.OfFour : StripJob<TKernel>.Of);
            (job.Kernel, job.Strips, job.Columns) = (kernel, strips, columns);
            team.Run(job, alone ? 1 : (int)Math.Min(strips * (columns / lane), this.MostParts));
            return;
        }

        bool isQuad = this.Lane(columns, Math.Min(widest, TKernel.MostColumnsPerThread)) == QuadLane.Count;
        int lanes = isQuad ? columns / QuadLane.Count : columns;
        Index3D size = this.StripThreads(lanes);
        long alongStrips = (strips + size.Y - 1) / size.Y;
        Index3D groups = new((lanes + size.X - 1) / size.X, (int)Math.Min(alongStrips, 65535), 1);
        this.Loaded(typeof(TKernel), isQuad ? QuadLane.Count : 1, lane => lane == QuadLane.Count
            ? this.Accelerator.LoadKernel<TKernel, long, int>(KernelEntry.Strips<TKernel, QuadLane>)
            : this.Accelerator.LoadKernel<TKernel, long, int>(KernelEntry.Strips<TKernel, ThreadLane>))(
            this.Stream, new KernelConfig(groups, size), kernel, strips, columns);
    }

    /// <summary>Runs a kernel over rows whose columns are reduced together.</summary>
    /// <param name="kernel">The kernel and its arguments.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Columns of a row; the widest lane that divides them is chosen.</param>
    /// <param name="widest">The widest lane that the kernel can use.</param>
    internal void Rows<TKernel>(in TKernel kernel, long rows, int columns, int widest = int.MaxValue)
        where TKernel : struct, IRowKernel
    {
        if (this.Divert is not null)
        {
            this.RowsLater(kernel, rows, columns, widest);
            return;
        }

        if (this.Team is { } team)
        {
            int lane = this.WidestLane(columns, widest, TKernel.MostRegisters);
            RowJob<TKernel> job = this.Loaded<RowJob<TKernel>>(typeof(TKernel), lane, lane > this.LaneWidth ? RowJob<TKernel>.OfFour : RowJob<TKernel>.Of);
            (job.Kernel, job.Rows) = (kernel, rows);
            team.Run(job, (int)Math.Min(rows, this.MostParts));
            return;
        }

        bool isQuad = this.Lane(columns, widest) == QuadLane.Count;
        int size = this.Threading(isQuad ? columns / QuadLane.Count : columns);
        this.Loaded(typeof(TKernel), isQuad ? QuadLane.Count : 1, lane => lane == QuadLane.Count
            ? this.LoadRows<TKernel, QuadLane>()
            : this.LoadRows<TKernel, ThreadLane>())(
            this.Stream, new KernelConfig((int)Math.Min(rows, int.MaxValue), size), kernel, rows);
    }

    /// <summary>Runs a GPU kernel that lays out its own work.</summary>
    internal void Groups<TKernel>(in TKernel kernel, Index3D groups, int size)
        where TKernel : struct, IGroupKernel
    {
        if (this.Divert is not null)
        {
            this.GroupsLater(kernel, groups, size);
            return;
        }

        this.Loaded<Action<AcceleratorStream, KernelConfig, TKernel>>(typeof(TKernel), 1, _ => this.Kind == DeviceKind.Cuda
            ? this.Accelerator.LoadKernel<TKernel>(KernelEntry.Groups<TKernel, CudaPlatform>, KernelEntry.Registers<TKernel>())
            : this.Accelerator.LoadKernel<TKernel>(KernelEntry.Groups<TKernel, OpenClPlatform>))(
            this.Stream, new KernelConfig(groups, new Index3D(size, 1, 1)), kernel);
    }

    /// <summary>Runs a CUDA kernel of warps; simulated threads run it in tests.</summary>
    /// <param name="kernel">The kernel and its arguments.</param>
    /// <param name="groups">The grid.</param>
    /// <param name="size">Threads per group.</param>
    /// <param name="sharedBytes">Dynamic shared memory, which may exceed what a kernel can declare.</param>
    internal void Warps<TKernel>(in TKernel kernel, Index3D groups, int size, int sharedBytes = 0)
        where TKernel : struct, IWarpKernel
    {
        if (this.Divert is not null)
        {
            this.WarpsLater(kernel, groups, size, sharedBytes);
            return;
        }

        Action<AcceleratorStream, KernelConfig, TKernel> launch = this.Loaded<Action<AcceleratorStream, KernelConfig, TKernel>>(typeof(TKernel), 1, _ =>
        {
            Action<AcceleratorStream, KernelConfig, TKernel> loaded = TKernel.Target.Length > 0 && this.Kind == DeviceKind.Cuda
                ? this.LoadFor<TKernel>(TKernel.Target)
                : this.Kind == DeviceKind.Cuda
                ? this.Accelerator.LoadKernel<TKernel>(KernelEntry.Warps, KernelEntry.WarpRegisters<TKernel>())
                : this.Accelerator.LoadKernel<TKernel>(KernelEntry.Warps);
            if (loaded.TryGetKernel(out Kernel? compiled) && compiled is CudaKernel cuda && sharedBytes > 0)
            {
                CudaFunction.AllowSharedMemory(cuda, sharedBytes);
            }

            return loaded;
        });
        SharedMemoryConfig shared = sharedBytes > 0 ? SharedMemoryConfig.RequestDynamic<byte>(sharedBytes) : default;
        launch(this.Stream, new KernelConfig(groups, new Index3D(size, 1, 1), shared), kernel);
    }

    /// <summary>Runs a CPU kernel of independent tiles.</summary>
    /// <param name="kernel">The kernel and its arguments.</param>
    /// <param name="tiles">Number of tiles.</param>
    /// <param name="lane">The lane width, from <see cref="Lane"/>.</param>
    /// <param name="alone">Whether the launching thread does all of them: for less work than it takes to share it.</param>
    internal void Tiles<TKernel>(in TKernel kernel, long tiles, int lane, bool alone = false)
        where TKernel : struct, ITileKernel
    {
        if (this.Divert is not null)
        {
            this.TilesLater(kernel, tiles, lane, alone);
            return;
        }

        TileJob<TKernel> job = this.Loaded(typeof(TKernel), lane, TileJob<TKernel>.Of);
        (job.Kernel, job.Tiles) = (kernel, tiles);
        this.Team!.Run(job, alone ? 1 : (int)Math.Min(tiles, this.MostParts));
    }

    /// <summary>The widest lane that divides <paramref name="columns"/>.</summary>
    internal int Lane(int columns, int widest = int.MaxValue)
    {
        int lane = Math.Min(this.LaneWidth, widest);
        while (columns % lane != 0)
        {
            lane = lane == 4 ? 1 : lane / 2;
        }

        return lane;
    }

    /// <summary>The same for a kernel that may have four registers of columns at once, if so many divide <paramref name="columns"/>.</summary>
    private int WidestLane(int columns, int widest, int registers)
    {
        int lane = this.Lane(columns, widest), four = 4 * this.LaneWidth;
        return registers >= 4 && lane > 1 && lane == this.LaneWidth && widest >= four && columns % four == 0 ? four : lane;
    }

    /// <summary>Told of each kernel just before it is launched, for profiles; replayed graphs launch none.</summary>
    internal Action<Type>? Launching { get; set; }

    /// <summary>The kernels that have been loaded so far, as CUDA's driver compiled them; none on other devices.</summary>
    internal IEnumerable<KernelResources> CudaKernels() =>
        from loaded in this.kernels
        let kernel = (loaded.Value as Delegate)?.GetKernel() as CudaKernel
        where kernel is not null
        select CudaFunction.Resources(NameOf(loaded.Key.Kernel), kernel);

    /// <summary>A kernel's name for people: <c>ScanGroups&lt;BFloat16Element, ForwardPass&gt;</c>.</summary>
    internal static string NameOf(Type kernel) => kernel.IsGenericType
        ? $"{kernel.Name.Split('`')[0]}<{string.Join(", ", kernel.GetGenericArguments().Select(NameOf))}>"
        : kernel.Name;

    private Action<AcceleratorStream, KernelConfig, TKernel> LoadFor<TKernel>(string target)
        where TKernel : struct, IWarpKernel
    {
        var compiled = (PTXCompiledKernel)((CudaAccelerator)this.Accelerator).Backend.Compile(
            EntryPointDescription.FromExplicitlyGroupedKernel(new Action<TKernel>(KernelEntry.Warps).Method), KernelEntry.WarpRegisters<TKernel>());
        CudaFunction.Retarget(compiled, target);
        return this.Accelerator.LoadKernel(compiled).CreateLauncherDelegate<Action<AcceleratorStream, KernelConfig, TKernel>>();
    }

    private Action<AcceleratorStream, KernelConfig, TKernel, long> LoadRows<TKernel, TLane>()
        where TKernel : struct, IRowKernel
        where TLane : unmanaged, ILane<TLane> => this.Accelerator.LoadKernel<TKernel, long>(
            this.Kind == DeviceKind.Cuda
                ? KernelEntry.Rows<TKernel, CudaPlatform, TLane>
                : KernelEntry.Rows<TKernel, OpenClPlatform, TLane>);

    /// <summary>Threads of a group along lanes and along strips: short strips share a group, long ones leave few threads over.</summary>
    private Index3D StripThreads(int lanes)
    {
        const int warp = 32;
        int most = Math.Min(GroupSize, this.Accelerator.MaxNumThreadsPerGroup);
        if (lanes < 2 * warp)
        {
            return new(lanes, Math.Max(1, most / lanes), 1);
        }

        int groups = (lanes + most - 1) / most, each = (lanes + groups - 1) / groups;
        return new(Math.Min((each + warp - 1) / warp * warp, most), 1, 1);
    }

    private int Threading(int lanes)
    {
        int warp = this.Kind == DeviceKind.CpuSimt ? this.Accelerator.WarpSize : 32;

        // Some lanes for each thread, so that sums over threads, which all wait for, are a small part of a row.
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(lanes / LanesPerThread, 1, GroupSize));
        return Math.Min(Math.Max(size, warp), this.Accelerator.MaxNumThreadsPerGroup);
    }

    /// <summary>What a kernel is launched through, made at its first launch.</summary>
    private T Loaded<T>(Type kernel, int lane, Func<int, T> load)
        where T : class
    {
        this.Cancellation.ThrowIfCancellationRequested();
        this.Launching?.Invoke(kernel);
        if (!this.kernels.TryGetValue((kernel, lane), out object? loaded))
        {
            if (this.Recording is not null)
            {
                throw new NotRecordableException("A kernel would be loaded.");
            }

            loaded = load(lane);
            this.kernels.Add((kernel, lane), loaded);
        }

        return (T)loaded;
    }
}
