using System.Globalization;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace DimIlgpu.Kernels;

/// <summary>Takes memory from the driver, and knows how much is held.</summary>
/// <param name="device">Whose memory.</param>
internal sealed class DeviceMemory(Device device)
{
    // Any aligned address: a planned device neither reads nor writes.
    private const nint Nowhere = 1 << 12;

    /// <summary>How often memory was taken.</summary>
    public long Allocations { get; private set; }

    /// <summary>Bytes that are held.</summary>
    public long HeldBytes { get; private set; }

    /// <summary>The most bytes that were held at once.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>Takes memory for so many floats.</summary>
    /// <exception cref="DeviceMemoryException">There is no room.</exception>
    public (MemoryBuffer Buffer, ArrayView<float> Words) Take(long length)
    {
        (MemoryBuffer, ArrayView<float>) taken;
        try
        {
            taken = this.TakeFromDriver(length);
        }
        catch (Exception e) when (e is OutOfMemoryException or AcceleratorException)
        {
            throw new DeviceMemoryException(this.Refusal(length * sizeof(float)), e);
        }

        this.Allocations++;
        this.HeldBytes += length * sizeof(float);
        this.PeakBytes = Math.Max(this.PeakBytes, this.HeldBytes);
        return taken;
    }

    /// <summary>Gives memory back.</summary>
    public void GiveBack(MemoryBuffer buffer)
    {
        this.HeldBytes -= buffer.LengthInBytes;
        buffer.Dispose();
    }

    private (MemoryBuffer Buffer, ArrayView<float> Words) TakeFromDriver(long length)
    {
        if (device.IsPlan)
        {
            MemoryBuffer nothing = CPUMemoryBuffer.Create(device.Accelerator, Nowhere, length, sizeof(float));
            return (nothing, nothing.AsArrayView<float>(0, length));
        }

        MemoryBuffer1D<float, Stride1D.Dense> buffer = device.Accelerator.Allocate1D<float>(length);
        return (buffer, buffer.View.BaseView);
    }

    private string Refusal(long asked)
    {
        GCMemoryInfo host = GC.GetGCMemoryInfo();
        string room = device.Kind switch
        {
            DeviceKind.Cuda => $"{Size(((CudaAccelerator)device.Accelerator).GetFreeMemory())} of {Size(device.Accelerator.MemorySize)} are free",
            DeviceKind.OpenCl => $"it has {Size(device.Accelerator.MemorySize)} in all",
            _ => $"{Size(host.TotalAvailableMemoryBytes - host.MemoryLoadBytes)} of {Size(host.TotalAvailableMemoryBytes)} are free",
        };
        return $"{device.Name} has no room for {Size(asked)} more: this program holds {Size(this.HeldBytes)} of its memory, and {room}. " +
            "Use a smaller batch, block checkpointing, bf16 or a smaller model.";
    }

    private static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):N0} MiB");
}
