using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Loader;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace DimIlgpu.Kernels;

/// <summary>Finds the machine's devices and turns a name such as <c>cuda:0</c> into one of them.</summary>
internal static class DeviceCatalog
{
    // ILGPU asks for the development names of the libraries; machines that only run programs have the versioned ones.
    static DeviceCatalog() => AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) =>
        (name == "OpenCL" && NativeLibrary.TryLoad("libOpenCL.so.1", out nint library)) ||
        (name == "cuda" && NativeLibrary.TryLoad("libcuda.so.1", out library)) ||
        (name == "OpenCL" && NativeLibrary.TryLoad("OpenCL.dll", out library)) ||
        (name == "cuda" && NativeLibrary.TryLoad("nvcuda.dll", out library))
            ? library
            : 0;

    public static IReadOnlyList<DeviceInfo> List()
    {
        using Context context = CreateContext();
        return [.. Enumerate(context).Select(d => d.Info)];
    }

    /// <summary>A context in which every device is enabled; ILGPU's own CPU threads stay few, because <see cref="CpuTeam"/> does the work.</summary>
    public static Context CreateContext() => Context.Create(builder =>
        builder.CPU(new CPUDevice(2, 1, 1)).Cuda().OpenCL().EnableAlgorithms().EnableIntrinsics());

    public static ILGPU.Runtime.Device Find(Context context, string id)
    {
        List<(DeviceInfo Info, ILGPU.Runtime.Device Device)> all = [.. Enumerate(context)];
        string wanted = id.Trim().ToLowerInvariant();
        (DeviceInfo Info, ILGPU.Runtime.Device Device) found = wanted == "auto"
            ? all.FirstOrDefault(d => d.Info.IsGpu, all[^1])
            : all.FirstOrDefault(d => d.Info.Id == wanted || d.Info.Id == wanted + ":0");
        return found.Device ?? throw new ArgumentException(
            $"There is no device '{id}'. Found: {string.Join("; ", all.Select(d => $"{d.Info.Id} ({d.Info.Name})"))}; or 'auto'.",
            nameof(id));
    }

    public static int WidestLane() =>
        Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : Vector128.IsHardwareAccelerated ? 4 : 1;

    private static List<(DeviceInfo Info, ILGPU.Runtime.Device Device)> Enumerate(Context context)
    {
        List<(DeviceInfo, ILGPU.Runtime.Device)> found = [];
        foreach (CudaDevice device in context.GetCudaDevices())
        {
            found.Add((new(Id("cuda", found.Count), device.Name, device.MemorySize, true), device));
        }

        int cuda = found.Count;
        foreach (CLDevice device in context.GetCLDevices())
        {
            bool gpu = device.DeviceType == CLDeviceType.CL_DEVICE_TYPE_GPU;
            found.Add((new(Id("opencl", found.Count - cuda), device.Name, device.MemorySize, gpu), device));
        }

        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        string name = $"CPU accelerator, {Environment.ProcessorCount} cores, {WidestLane()} lanes";
        found.Add((new("cpu", name, memory, false), context.GetCPUDevices()[0]));
        return found;
    }

    private static string Id(string kind, int index) => string.Create(CultureInfo.InvariantCulture, $"{kind}:{index}");
}
