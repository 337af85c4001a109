using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace DimIlgpu.Kernels;

/// <summary>What kind of hardware a device is.</summary>
public enum DeviceKind
{
    /// <summary>The CPU, through SIMD.</summary>
    Cpu,

    /// <summary>Threads simulated on the CPU: for tests of GPU kernels only.</summary>
    CpuSimt,

    /// <summary>OpenCL of any vendor.</summary>
    OpenCl,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda,
}

/// <summary>One accelerator, its single ordered stream and its compiled kernels.</summary>
/// <remarks>
/// Owns everything; lives as long as the application. All launches go to one stream, so memory given
/// back on the host may be handed out again at once: the next kernel runs after the last reader.
/// A device is used by one thread at a time.
/// </remarks>
public sealed partial class Device : IDisposable
{
    /// <summary>Threads per group of a GPU kernel.</summary>
    internal const int GroupSize = 256;

    // Tiles that a kernel cuts for each thread at least: several even out what takes unequally long.
    private const int TilesPerThread = 4;

    // Elements between the scratch memories of two threads: a processor fetches ahead of what is read, and would take lines
    // that another core is writing. Within 4 KB the scan's gradient took an eighth longer on two threads.
    private const int ScratchGap = 1 << 14;

    // Parts of a launch for each thread at most: the last to finish is late by one of them.
    private const int PartsPerThread = 16;

    private const int LanesPerThread = 4;

    private readonly Context context;
    private readonly Dictionary<(Type Kernel, int Lane), object> kernels = [];
    private readonly Staging? staging;

    private Device(Context context, Accelerator accelerator, DeviceKind kind, DeviceOptions options, bool isPlan = false)
    {
        (this.context, this.Accelerator, this.Kind, this.IsPlan) = (context, accelerator, kind, isPlan);
        this.Threads = kind != DeviceKind.Cpu ? 1 : options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        this.Team = kind != DeviceKind.Cpu || isPlan ? null : new(this.Threads);
        this.Divert = isPlan ? static _ => { } : null;
        this.Memory = new(this);
        this.MatrixPrecision = options.MatrixPrecision;
        this.LaneWidth = kind == DeviceKind.Cpu
            ? options.LaneWidth == 0 ? DeviceCatalog.WidestLane() : options.LaneWidth
            : QuadLane.Count;
        this.Stream = accelerator.CreateStream();
        this.Scratch = new(this);
        // ILGPU 1.5.3 cannot copy from page-locked memory to OpenCL.
        this.staging = kind is DeviceKind.Cuda or DeviceKind.CpuSimt ? new(this) : null;
        if (options.Graphs && accelerator is CudaAccelerator cuda && cuda.DriverVersion >= CudaGraphs.Oldest)
        {
            this.GraphDriver = new CudaGraphs(cuda, (CudaStream)this.Stream);
        }

        // A plan is for a GPU that has room for every tile.
        this.MostSharedMemory = isPlan ? int.MaxValue
            : accelerator is CudaAccelerator gpu ? CudaFunction.MostSharedMemory(gpu)
            : accelerator.MaxSharedMemoryPerGroup;
    }

    /// <summary>What kind of hardware this is.</summary>
    public DeviceKind Kind { get; }

    /// <summary>The vendor's name, for people.</summary>
    public string Name => this.IsPlan ? $"A plan for {this.Kind}" : this.Kind switch
    {
        DeviceKind.Cpu => $"CPU accelerator, {this.Threads} threads, {this.LaneWidth} lanes",
        _ => this.Accelerator.Name + this.MatrixPrecision switch
        {
            MatrixPrecision.BFloat16 => ", activations in bf16",
            MatrixPrecision.TensorFloat32 => ", products in tf32",
            _ => "",
        } + (this.Kind == DeviceKind.Cuda && this.GraphDriver is null ? ", without graphs" : ""),
    };

    /// <summary>How this device multiplies matrices.</summary>
    public MatrixPrecision MatrixPrecision { get; }

    /// <summary>How what flows between the operators of a network is stored.</summary>
    public ElementType ActivationType =>
        this.MatrixPrecision == MatrixPrecision.BFloat16 ? ElementType.BFloat16 : ElementType.Float32;

    /// <summary>Whether products run on tensor cores.</summary>
    internal bool HasTensorCores => this.MatrixPrecision != MatrixPrecision.Float32 && this.Kind != DeviceKind.OpenCl;

    /// <summary>Whether bfloat16 products may choose <see cref="LinearGroups{TLeft, TRight, TEnd}"/>, PTX of that one chip.</summary>
    internal bool HasWarpGroups => this.Accelerator is CudaAccelerator { Architecture: { Major: 9, Minor: 0 } };

    /// <summary>Whether the device is a planned one (<see cref="Plan"/>), which computes nothing.</summary>
    public bool IsPlan { get; }

    /// <summary>Bytes of device memory that all arenas together hold.</summary>
    public long HeldBytes => this.Memory.HeldBytes;

    /// <summary>The most bytes that they held at once.</summary>
    public long PeakBytes => this.Memory.PeakBytes;

    /// <summary>Bytes of the memory of operators, which is kept from one to the next.</summary>
    public long ScratchBytes => this.Scratch.HeldBytes;

    /// <summary>Threads that run at once on the CPU accelerator.</summary>
    public int Threads { get; }

    /// <summary>Checked before each launch, which throws <see cref="OperationCanceledException"/> once it is signalled; none unless set.</summary>
    /// <remarks>Work that was under way is then incomplete, and so is what it wrote.</remarks>
    public CancellationToken Cancellation { get; set; }

    /// <summary>Columns per SIMD register on the CPU accelerator, at most; of one thread on a GPU.</summary>
    public int LaneWidth { get; }

    /// <summary>Tiles that a kernel of the CPU accelerator is best divided into, at least.</summary>
    internal int EnoughTiles => this.Threads * TilesPerThread;

    /// <summary>Scratch memory of the CPU accelerator, a row for each thread.</summary>
    /// <param name="length">Elements that a thread uses.</param>
    internal Tensor ThreadScratch(int length) => this.Scratch.Rent(new(this.Threads, length + ScratchGap));

    /// <summary>Parts that a launch on the CPU accelerator is divided into at most.</summary>
    private int MostParts => this.Threads * PartsPerThread;

    internal Accelerator Accelerator { get; }

    /// <summary>The CPU's threads; null elsewhere.</summary>
    internal CpuTeam? Team { get; }

    internal AcceleratorStream Stream { get; }

    /// <summary>The most shared memory that <see cref="Warps"/> can give a group, in bytes.</summary>
    internal int MostSharedMemory { get; }

    /// <summary>Memory of a single operator; taken back at the end of its scope.</summary>
    internal Arena Scratch { get; }

    /// <summary>Records launches and replays them; null where the device cannot, or was asked not to.</summary>
    internal IGraphDriver? GraphDriver { get; set; }

    /// <summary>What is being recorded; null nearly always.</summary>
    internal Recording? Recording { get; set; }

    /// <summary>What is held of the device's memory.</summary>
    internal DeviceMemory Memory { get; }

    /// <summary>Receives launches instead of running them; null nearly always.</summary>
    internal Action<Action>? Divert { get; set; }

    internal bool IsHostMemory => this.Kind is DeviceKind.Cpu or DeviceKind.CpuSimt;

    /// <summary>Opens a device.</summary>
    /// <param name="id"><c>auto</c> (CUDA, then OpenCL GPUs, then the CPU), <c>cpu</c>, <c>opencl[:i]</c> or <c>cuda[:i]</c>.</param>
    /// <param name="options">Threads and lanes of the CPU accelerator, precision of products; null for the defaults.</param>
    /// <exception cref="ArgumentException">There is no such device, or it lacks the precision; the message says what was found.</exception>
    public static Device Open(string id = "auto", DeviceOptions? options = null)
    {
        options ??= new();
        Context context = DeviceCatalog.CreateContext();
        try
        {
            Accelerator accelerator = DeviceCatalog.Find(context, id).CreateAccelerator(context);
            DeviceKind kind = accelerator.AcceleratorType switch
            {
                AcceleratorType.Cuda => DeviceKind.Cuda,
                AcceleratorType.OpenCL => DeviceKind.OpenCl,
                _ => DeviceKind.Cpu,
            };
            CheckPrecision(accelerator, options);
            return new(context, accelerator, kind, options);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>The devices of this machine, in the order in which <c>auto</c> prefers them.</summary>
    public static IReadOnlyList<DeviceInfo> List() => DeviceCatalog.List();

    /// <summary>
    /// A device that holds no memory and runs nothing, on any machine: what is done on it costs what the host does, and
    /// <see cref="HeldBytes"/> and <see cref="PeakBytes"/> are what a real one would hold.
    /// </summary>
    /// <param name="kind">What is planned for; the shapes of scratch memory depend on it.</param>
    /// <param name="options">As for <see cref="Open"/>.</param>
    /// <exception cref="ArgumentException">No device of that kind has the precision.</exception>
    public static Device Plan(DeviceKind kind, DeviceOptions? options = null)
    {
        options ??= new();
        if (options.MatrixPrecision != MatrixPrecision.Float32 && kind != DeviceKind.Cuda)
        {
            throw new ArgumentException($"{options.MatrixPrecision} products need CUDA; this plan is for {kind}. Use Float32.", nameof(options));
        }

        Context context = Context.Create(builder => builder.CPU(new CPUDevice(2, 1, 1)));
        return new(context, context.GetCPUDevices()[0].CreateCPUAccelerator(context), kind, options, isPlan: true);
    }

    /// <summary>Opens simulated threads, which run the GPU form of a kernel slowly: for tests on tiny shapes.</summary>
    /// <param name="precision">Anything but float32 runs CUDA's kernels for tensor cores, in warps of 32.</param>
    internal static Device OpenSimt(MatrixPrecision precision = MatrixPrecision.Float32)
    {
        // One warp of the largest group: barriers then join exactly the threads of a group.
        int warp = precision == MatrixPrecision.Float32 ? 16 : TensorCores.Warp;
        Context context = Context.Create(builder => builder
            .CPU(new CPUDevice(warp, GroupSize / warp, 1)).EnableIntrinsics());
        return new(
            context, context.GetCPUDevices()[0].CreateCPUAccelerator(context), DeviceKind.CpuSimt, new() { MatrixPrecision = precision });
    }

    /// <summary>Waits until everything that was launched has run.</summary>
    public void Synchronize()
    {
        this.CheckHostMayTakePart();
        this.Stream.Synchronize();
        this.staging?.Free();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        this.Team?.Dispose();
        this.Scratch.Dispose();
        this.staging?.Dispose();
        this.Stream.Dispose();
        this.Accelerator.Dispose();
        this.context.Dispose();
    }

    /// <summary>Copies values to the device, which is not waited for.</summary>
    internal void Upload<T>(ReadOnlySpan<T> values, ArrayView<T> target)
        where T : unmanaged
    {
        this.CheckHostMayTakePart();
        if (this.IsPlan)
        {
            return;
        }

        if (this.staging is { } staging)
        {
            staging.Copy(values, target);
        }
        else
        {
            target.CopyFromCPU(this.Stream, values);
        }
    }

    /// <summary>A replay repeats what the device did, not what the host did.</summary>
    /// <exception cref="InvalidOperationException">Work is being recorded.</exception>
    internal void CheckHostMayTakePart()
    {
        if (this.Recording is not null)
        {
            throw new InvalidOperationException($"The work of a {nameof(DeviceGraph)} may not exchange data with the host or wait for the device.");
        }
    }

    private static void CheckPrecision(Accelerator accelerator, DeviceOptions options)
    {
        bool isThere = options.MatrixPrecision switch
        {
            MatrixPrecision.TensorFloat32 => accelerator is CudaAccelerator { Architecture: var chip } && chip >= CudaArchitecture.SM_80,
            MatrixPrecision.BFloat16 => accelerator is CLAccelerator || (accelerator is CudaAccelerator { Architecture: var chip } && chip >= CudaArchitecture.SM_80),
            _ => true,
        };
        if (!isThere)
        {
            throw new ArgumentException(
                $"{options.MatrixPrecision} needs CUDA on compute capability 8.0 or newer{(options.MatrixPrecision == MatrixPrecision.BFloat16 ? ", or OpenCL" : "")}; " +
                $"this device is {accelerator.Name}. Use Float32.",
                nameof(options));
        }
    }
}
