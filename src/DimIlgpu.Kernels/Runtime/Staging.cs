using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>Page-locked memory of the host, through which a GPU is given values without anybody waiting.</summary>
/// <param name="device">Whose stream copies.</param>
/// <param name="capacity">Values that may be under way at once; the next one waits for all of them.</param>
internal sealed class Staging(Device device, int capacity = 1 << 22) : IDisposable
{
    private PageLockedArray1D<float>? memory;
    private int used;

    /// <summary>Copies values; they may be changed at once.</summary>
    public void Copy(ReadOnlySpan<float> values, ArrayView<float> target)
    {
        PageLockedArray1D<float> pages = this.memory ??= device.Accelerator.AllocatePageLocked1D<float>(capacity);
        for (int start = 0, count; start < values.Length; start += count)
        {
            if (this.used == capacity)
            {
                device.Synchronize();
                this.Free();
            }

            count = Math.Min(values.Length - start, capacity - this.used);
            values.Slice(start, count).CopyTo(pages.Span.Slice(this.used, count));
            target.SubView(start, count).CopyFrom(device.Stream, pages.ArrayView.SubView(this.used, count));
            this.used += count;
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
