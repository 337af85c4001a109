using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>Device memory as kernels see it.</summary>
/// <remarks>
/// GPU code uses the view. The CPU's lanes use the address, because indexing a view there
/// runs <c>Trace.Assert</c> on each element; a GPU compiler drops the unused field.
/// </remarks>
internal readonly unsafe struct Floats
{
    public readonly ArrayView<float> View;

    /// <summary>The address on the host; 0 elsewhere.</summary>
    public readonly long Address;

    public Floats(ArrayView<float> view, bool isHostMemory)
    {
        this.View = view;
        this.Address = isHostMemory && view.Length > 0 ? (long)view.LoadEffectiveAddressAsPtr() : 0;
    }

    public float* Pointer => (float*)this.Address;
}
