using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>A <see cref="Sink"/> as kernels see it: where a gradient goes, and whether it is wanted at all.</summary>
/// <remarks>One kernel may then write several gradients, each overwritten, added to or left out.</remarks>
internal readonly struct Target(Floats memory, int pitch, int mode)
{
    private const int Unwanted = 0, Overwrite = 1, Accumulate = 2;

    /// <summary>Describes <paramref name="sink"/>; memory that is never written stands in for one that is not wanted.</summary>
    public static Target Of(Sink? sink, Tensor standIn) => sink is { } wanted
        ? new(wanted.Tensor.Memory, wanted.Tensor.Pitch, wanted.Add ? Accumulate : Overwrite)
        : new(standIn.Memory, 0, Unwanted);

    /// <summary>Writes or adds one lane of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Put<TLane>(long row, int column, TLane value)
        where TLane : unmanaged, ILane<TLane>
    {
        long index = (row * pitch) + column;
        if (mode == Overwrite)
        {
            TLane.Store(memory, index, value);
        }
        else if (mode == Accumulate)
        {
            TLane.Store(memory, index, TLane.Load(memory, index) + value);
        }
    }
}
