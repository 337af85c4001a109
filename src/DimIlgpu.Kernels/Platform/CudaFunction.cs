using System.Globalization;
using System.Runtime.InteropServices;
using ILGPU.Runtime.Cuda;

namespace DimIlgpu.Kernels;

/// <summary>What ILGPU does not ask of CUDA's driver.</summary>
internal static partial class CudaFunction
{
    private const int MaxDynamicSharedSizeBytes = 8;
    private const int MaxSharedMemoryPerBlockOptin = 97;

    /// <summary>The most shared memory that <see cref="AllowSharedMemory"/> can obtain for a group, in bytes.</summary>
    /// <exception cref="NotSupportedException">The driver does not say.</exception>
    public static int MostSharedMemory(CudaAccelerator accelerator)
    {
        int error = GetAttribute(out int bytes, MaxSharedMemoryPerBlockOptin, accelerator.DeviceId);
        return error == 0 ? bytes : throw new NotSupportedException(string.Create(
            CultureInfo.InvariantCulture, $"CUDA error {error}: the driver does not say how much shared memory a group can have."));
    }

    /// <summary>Lets a kernel be launched with more dynamic shared memory than the 48 KB that every device grants.</summary>
    /// <exception cref="NotSupportedException">The device has less.</exception>
    public static void AllowSharedMemory(CudaKernel kernel, int bytes)
    {
        int error = SetAttribute(kernel.FunctionPtr, MaxDynamicSharedSizeBytes, bytes);
        if (error != 0)
        {
            throw new NotSupportedException(string.Create(
                CultureInfo.InvariantCulture, $"CUDA error {error}: the device does not grant {bytes} bytes of shared memory to a group."));
        }
    }

    [LibraryImport("cuda", EntryPoint = "cuFuncSetAttribute")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetAttribute(nint function, int attribute, int value);

    [LibraryImport("cuda", EntryPoint = "cuDeviceGetAttribute")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetAttribute(out int value, int attribute, int device);
}
