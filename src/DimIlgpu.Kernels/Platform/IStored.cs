using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>Adjacent elements as they lie in memory, which one thread of a GPU loads and stores at once.</summary>
/// <remarks>
/// A type argument of a kernel, whose loops then have no branch for the element type, and whose registers hold what was
/// loaded ahead as it is stored. Memory, pitches and columns are multiples of <see cref="Count"/> elements.
/// </remarks>
internal interface IStored<TSelf, TValue>
    where TSelf : unmanaged, IStored<TSelf, TValue>
    where TValue : unmanaged
{
    /// <summary>How many elements.</summary>
    static abstract int Count { get; }

    /// <summary>The values.</summary>
    TValue Value { get; }

    /// <summary>All of the memory.</summary>
    static abstract ArrayView<TSelf> Of(Floats memory);

    /// <summary>Values as they are stored.</summary>
    static abstract TSelf From(TValue value);
}

/// <summary>Asked on the host: whether tensors can be read some elements at a time.</summary>
internal static class Stored
{
    /// <summary>Whether a tensor has an element type, and every row of it starts at a multiple of <paramref name="count"/> elements.</summary>
    public static bool Fits(Tensor tensor, ElementType type, int count) => tensor.ElementType == type && IsAligned(tensor, count);

    /// <summary>
    /// Whether a GPU can read tensors four elements at a time: those of the residual stream, all stored alike, and one of a
    /// branch, stored as the stream is or in bfloat16.
    /// </summary>
    public static bool IsMixed(Device device, Tensor stream, Tensor branch, params ReadOnlySpan<Tensor> others)
    {
        bool fits = device.Kind != DeviceKind.Cpu && IsAligned(stream, 4) && IsAligned(branch, 4)
            && (branch.ElementType == stream.ElementType || branch.ElementType == ElementType.BFloat16);
        foreach (Tensor other in others)
        {
            fits &= Fits(other, stream.ElementType, 4);
        }

        return fits;
    }

    /// <summary>Whether a GPU can read tensors of one type four elements at a time.</summary>
    public static bool IsQuad(Device device, Tensor tensor, params ReadOnlySpan<Tensor> others) => IsMixed(device, tensor, tensor, others);

    /// <summary>Whether every row starts at a multiple of 16 bytes, and ends at one.</summary>
    public static bool IsBySixteenBytes(Tensor tensor)
    {
        int count = tensor.ElementType == ElementType.BFloat16 ? 8 : 4;
        return tensor.Memory.IsAtSixteenBytes && tensor.Columns % count == 0 && (tensor.Pitch % count == 0 || tensor.Rows == 1);
    }

    /// <summary>Whether every row starts at a multiple of <paramref name="count"/> elements, 2 or 4, and ends at one.</summary>
    public static bool IsAligned(Tensor tensor, int count) =>
        tensor.Memory.Phase % count == 0 && tensor.Columns % count == 0 && (tensor.Pitch % count == 0 || tensor.Rows == 1);
}

/// <summary>Two adjacent bfloat16.</summary>
internal struct NarrowPair : IStored<NarrowPair, FloatPair>
{
    private int bits;

    public static int Count => 2;

    public readonly FloatPair Value =>
        new(Interop.IntAsFloat((uint)this.bits << 16), Interop.IntAsFloat((uint)this.bits & 0xffff0000u));

    public static ArrayView<NarrowPair> Of(Floats memory) => memory.Halves.Cast<NarrowPair>();

    public static NarrowPair From(FloatPair value) => new() { bits = TensorCores.RoundBFloat16(value.X, value.Y) };
}

/// <summary>Four adjacent bfloat16.</summary>
internal struct NarrowQuad : IStored<NarrowQuad, FloatQuad>
{
    private NarrowPair low, high;

    public static int Count => 4;

    public readonly FloatQuad Value
    {
        get
        {
            FloatPair x = this.low.Value, y = this.high.Value;
            return new(x.X, x.Y, y.X, y.Y);
        }
    }

    public static ArrayView<NarrowQuad> Of(Floats memory) => memory.Halves.Cast<NarrowQuad>();

    public static NarrowQuad From(FloatQuad value) => new()
    {
        low = NarrowPair.From(new(value.X, value.Y)),
        high = NarrowPair.From(new(value.Z, value.W)),
    };
}
