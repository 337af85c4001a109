using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>Page-locked memory of the host, through which a GPU is given values without anybody waiting.</summary>
/// <param name="device">Whose stream copies.</param>
/// <param name="capacity">Bytes that may be under way at once, a multiple of 16; the next one waits for all of them.</param>
internal sealed class Staging(Device device, int capacity = 1 << 24) : IDisposable
{
    private const int Alignment = 16;

    private PageLockedArray1D<byte>? memory;
    private int used;

    /// <summary>Copies values; they may be changed at once.</summary>
    public void Copy<T>(ReadOnlySpan<T> values, ArrayView<T> target)
        where T : unmanaged
    {
        PageLockedArray1D<byte> pages = this.memory ??= device.Accelerator.AllocatePageLocked1D<byte>(capacity);
        for (int start = 0, count; start < values.Length; start += count)
        {
            if (this.used == capacity)
            {
                device.Synchronize();
                this.Free();
            }

            count = Math.Min(values.Length - start, (capacity - this.used) / Unsafe.SizeOf<T>());
            int bytes = count * Unsafe.SizeOf<T>();
            MemoryMarshal.AsBytes(values.Slice(start, count)).CopyTo(pages.Span.Slice(this.used, bytes));
            target.SubView(start, count).CopyFrom(device.Stream, pages.ArrayView.SubView(this.used, bytes).Cast<T>());
            this.used += (bytes + Alignment - 1) / Alignment * Alignment;
        }
    }

    /// <summary>Says that the device has done all copies.</summary>
    public void Free() => this.used = 0;

    public void Dispose()
    {
        if (this.memory is { } pages)
        {
            // The driver may still be reading them.
            device.Stream.Synchronize();
            pages.Dispose();
        }
    }
}
