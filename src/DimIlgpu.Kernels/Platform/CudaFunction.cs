using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;

namespace DimIlgpu.Kernels;

/// <summary>What ILGPU does not ask of CUDA's driver.</summary>
internal static partial class CudaFunction
{
    private const int SharedSizeBytes = 1;
    private const int LocalSizeBytes = 3;
    private const int NumRegs = 4;
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

    /// <summary>Lets a kernel use the instructions of one chip, which ILGPU cannot ask for, and puts its dynamic shared memory at a multiple of 1024 bytes.</summary>
    /// <param name="kernel">What ILGPU made of it.</param>
    /// <param name="target">The chip, such as <c>sm_90a</c>.</param>
    public static void Retarget(PTXCompiledKernel kernel, string target)
    {
        ref string assembly = ref Assembly(kernel);
        assembly = DynamicSharedMemory().Replace(TargetLine().Replace(assembly, $".target {target}"), "$1 1024 ");
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<PTXAssembly>k__BackingField")]
    private static extern ref string Assembly(PTXCompiledKernel kernel);

    [GeneratedRegex(@"^\.target \w+", RegexOptions.Multiline)]
    private static partial Regex TargetLine();

    [GeneratedRegex(@"^(\.extern \.shared \.align) \d+ ", RegexOptions.Multiline)]
    private static partial Regex DynamicSharedMemory();

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

    /// <summary>What the driver's own compiler gave a kernel.</summary>
    /// <exception cref="NotSupportedException">The driver does not tell.</exception>
    public static KernelResources Resources(string name, CudaKernel kernel) => new(
        name, Attribute(kernel, NumRegs), Attribute(kernel, LocalSizeBytes), Attribute(kernel, SharedSizeBytes));

    private static int Attribute(CudaKernel kernel, int attribute)
    {
        int error = GetAttribute(out int value, attribute, kernel.FunctionPtr);
        return error == 0 ? value : throw new NotSupportedException(string.Create(
            CultureInfo.InvariantCulture, $"CUDA error {error}: the driver does not tell attribute {attribute} of a kernel."));
    }

    [LibraryImport("cuda", EntryPoint = "cuFuncGetAttribute")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetAttribute(out int value, int attribute, nint function);

    [LibraryImport("cuda", EntryPoint = "cuFuncSetAttribute")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetAttribute(nint function, int attribute, int value);

    [LibraryImport("cuda", EntryPoint = "cuDeviceGetAttribute")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetAttribute(out int value, int attribute, int device);
}

/// <summary>What one thread, or one group, of a loaded kernel takes.</summary>
/// <param name="Name">The kernel's type.</param>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="LocalBytes">Bytes of a thread in local memory: spills and arrays.</param>
/// <param name="SharedBytes">Static shared memory of a group.</param>
internal readonly record struct KernelResources(string Name, int Registers, int LocalBytes, int SharedBytes);
