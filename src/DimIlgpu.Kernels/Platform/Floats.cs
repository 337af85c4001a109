using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>Device memory as kernels see it: float32, or bfloat16 that becomes float32 where it is loaded.</summary>
/// <remarks>
/// GPU code uses one of the views; which one is the same for a whole launch. The CPU's lanes use the address, because
/// indexing a view there runs <c>Trace.Assert</c> on each element; a GPU compiler drops the unused field.
/// </remarks>
internal readonly unsafe struct Floats
{
    /// <summary>The elements where they are float32.</summary>
    public readonly ArrayView<float> View;

    /// <summary>The elements where they are bfloat16.</summary>
    public readonly ArrayView<ushort> Halves;

    /// <summary>The address on the host; 0 elsewhere.</summary>
    public readonly long Address;

    /// <summary>Whether the elements are bfloat16.</summary>
    public readonly int IsNarrow;

    /// <summary>How many elements the first one stands behind a multiple of four.</summary>
    public readonly int Phase;

    public Floats(ArrayView<float> view, bool isHostMemory)
    {
        this.View = view;
        long address = view.Length > 0 ? (long)view.LoadEffectiveAddressAsPtr() : 0;
        this.Address = isHostMemory ? address : 0;
        this.Phase = (int)(address / sizeof(float) % 4);
    }

    public Floats(ArrayView<ushort> view)
    {
        this.Halves = view;
        this.IsNarrow = 1;
        this.Phase = view.Length > 0 ? (int)((long)view.LoadEffectiveAddressAsPtr() / sizeof(ushort) % 4) : 0;
    }

    private Floats(ArrayView<float> view, ArrayView<ushort> halves, int isNarrow) =>
        (this.View, this.Halves, this.IsNarrow) = (view, halves, isNarrow);

    /// <summary>Asked on the host: whether the first one stands at a multiple of 16 bytes.</summary>
    public bool IsAtSixteenBytes => (long)(this.IsNarrow != 0 ? this.Halves.LoadEffectiveAddressAsPtr() : this.View.LoadEffectiveAddressAsPtr()) % 16 == 0;

    public float* Pointer => (float*)this.Address;

    /// <summary>What lies from element <paramref name="index"/> on, as a kernel of a GPU that knows its type reads it.</summary>
    public Floats From(long index) => this.IsNarrow != 0
        ? new(default, this.Halves.SubView(index), 1)
        : new(this.View.SubView(index), default, 0);
}
