using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>What one thread, or one group, of a kernel takes as the driver compiled it.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="LocalBytes">Bytes of a thread in local memory: spills and arrays.</param>
/// <param name="SharedBytes">Static shared memory of a group.</param>
public sealed record KernelLine(string Name, int Registers, int LocalBytes, int SharedBytes);

/// <summary>Lists the CUDA kernels that a device has loaded.</summary>
public static class KernelListing
{
    /// <summary>Every kernel that ran so far, by name; none but on CUDA.</summary>
    /// <param name="device">Where they ran.</param>
    public static IReadOnlyList<KernelLine> Of(Device device) =>
        [.. device.CudaKernels().Select(k => new KernelLine(k.Name, k.Registers, k.LocalBytes, k.SharedBytes)).OrderBy(k => k.Name, StringComparer.Ordinal)];
}
