using System.Globalization;
using System.Runtime.InteropServices;
using ILGPU.Runtime.Cuda;

namespace DimIlgpu.Kernels;

/// <summary>CUDA graphs, which ILGPU knows nothing of: a stream is captured instead of run.</summary>
/// <param name="accelerator">The device.</param>
/// <param name="stream">The stream that all launches name; CUDA cannot capture its default stream.</param>
internal sealed partial class CudaGraphs(CudaAccelerator accelerator, CudaStream stream) : IGraphDriver
{
    // Other threads of the process (finalisers that free memory) go on undisturbed.
    private const int ThreadLocal = 1;

    /// <summary>The first driver that has all the functions.</summary>
    public static CudaDriverVersion Oldest { get; } = CudaDriverVersion.FromMajorMinor(11, 4);

    public void Begin()
    {
        accelerator.Bind();
        Check(BeginCapture(stream.StreamPtr, ThreadLocal), "cuStreamBeginCapture");
    }

    public IGraphReplay End()
    {
        Check(EndCapture(stream.StreamPtr, out nint graph), "cuStreamEndCapture");
        try
        {
            Check(Instantiate(out nint executable, graph, flags: 0), "cuGraphInstantiateWithFlags");
            return new Replay(accelerator, stream, executable);
        }
        finally
        {
            _ = DestroyGraph(graph);
        }
    }

    public void Abandon()
    {
        // A capture that became invalid ends with an error and without a graph.
        _ = EndCapture(stream.StreamPtr, out nint graph);
        if (graph != 0)
        {
            _ = DestroyGraph(graph);
        }
    }

    private static void Check(int error, string function)
    {
        if (error != 0)
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture,
                $"CUDA error {error} of {function}. Open the device with {nameof(DeviceOptions)}.{nameof(DeviceOptions.Graphs)} = false to run without graphs."));
        }
    }

    [LibraryImport("cuda", EntryPoint = "cuStreamBeginCapture_v2")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int BeginCapture(nint stream, int mode);

    [LibraryImport("cuda", EntryPoint = "cuStreamEndCapture")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int EndCapture(nint stream, out nint graph);

    [LibraryImport("cuda", EntryPoint = "cuGraphInstantiateWithFlags")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Instantiate(out nint executable, nint graph, ulong flags);

    [LibraryImport("cuda", EntryPoint = "cuGraphLaunch")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Launch(nint executable, nint stream);

    [LibraryImport("cuda", EntryPoint = "cuGraphExecDestroy")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int DestroyExecutable(nint executable);

    [LibraryImport("cuda", EntryPoint = "cuGraphDestroy")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int DestroyGraph(nint graph);

    private sealed class Replay(CudaAccelerator accelerator, CudaStream stream, nint executable) : IGraphReplay
    {
        private nint executable = executable;

        public void Launch()
        {
            accelerator.Bind();
            Check(CudaGraphs.Launch(this.executable, stream.StreamPtr), "cuGraphLaunch");
        }

        public void Dispose()
        {
            if (this.executable != 0)
            {
                accelerator.Bind();
                _ = DestroyExecutable(this.executable);
                this.executable = 0;
            }
        }
    }
}
