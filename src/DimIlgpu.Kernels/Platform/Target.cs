using System.Numerics;
using System.Runtime.CompilerServices;
using ILGPU;

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

    /// <summary>Whether the gradient is wanted.</summary>
    public bool IsWanted => mode != Unwanted;

    /// <summary>Whether the gradient is wanted and overwrites what is there.</summary>
    public bool IsOverwritten => mode == Overwrite;

    /// <summary>Elements from one row to the next.</summary>
    public int Pitch => pitch;

    /// <summary>Where a row of a gradient that is wanted begins in a CPU's memory.</summary>
    public unsafe float* Row(long row) => (float*)memory.Address + (row * pitch);

    /// <summary>Where the gradient goes, from a column of a row on; any memory where it is not wanted.</summary>
    public ArrayView<TStored> From<TStored, TValue>(long row, int column)
        where TStored : unmanaged, IStored<TStored, TValue>
        where TValue : unmanaged => TStored.Of(memory).SubView(((row * pitch) + column) / TStored.Count);

    /// <summary>Writes or adds adjacent values at an offset of such a view.</summary>
    public void Put<TStored, TValue>(ArrayView<TStored> view, int offset, TValue value)
        where TStored : unmanaged, IStored<TStored, TValue>
        where TValue : unmanaged, IAdditionOperators<TValue, TValue, TValue>
    {
        if (mode == Accumulate)
        {
            // As a whole: read through its place in memory its words would be loaded one by one.
            TStored before = view[offset];
            value = before.Value + value;
        }

        if (mode != Unwanted)
        {
            view[offset] = TStored.From(value);
        }
    }

    /// <summary>What four adjacent values of a gradient that is wanted add to, 0 where they overwrite: to be loaded with all else, for a branch after that would wait.</summary>
    public TStored Before<TStored>(QuadIndex at)
        where TStored : unmanaged, IStored<TStored, FloatQuad>
    {
        TStored before = default;
        if (mode == Accumulate)
        {
            before = at.Read(TStored.Of(memory), pitch);
        }

        return before;
    }

    /// <summary>Writes four adjacent values, having added them to what <see cref="Before"/> brought.</summary>
    public void Put<TStored>(QuadIndex at, TStored before, FloatQuad value)
        where TStored : unmanaged, IStored<TStored, FloatQuad> =>
        at.Write(TStored.Of(memory), pitch, TStored.From(before.Value + value));

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
