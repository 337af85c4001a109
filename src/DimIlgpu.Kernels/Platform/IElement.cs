using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>How the elements of a tensor are stored, as a type argument of a kernel: its loops then have no branch for it.</summary>
internal interface IElement
{
    /// <summary>Element <paramref name="index"/> + <paramref name="offset"/>, the offset being 0 or more.</summary>
    static abstract float Load(Floats memory, long index, int offset);

    /// <summary>Writes element <paramref name="index"/> + <paramref name="offset"/>.</summary>
    static abstract void Store(Floats memory, long index, int offset, float value);
}

/// <summary>Stored as it is.</summary>
internal readonly struct Float32Element : IElement
{
    public static float Load(Floats memory, long index, int offset) => memory.View.SubView(index)[offset];

    public static void Store(Floats memory, long index, int offset, float value) => memory.View.SubView(index)[offset] = value;
}

/// <summary>Stored as bfloat16.</summary>
internal readonly struct BFloat16Element : IElement
{
    public static float Load(Floats memory, long index, int offset) => BFloat16.Widen(memory.Halves.SubView(index)[offset]);

    public static void Store(Floats memory, long index, int offset, float value) =>
        memory.Halves.SubView(index)[offset] = BFloat16.Round(value);
}
