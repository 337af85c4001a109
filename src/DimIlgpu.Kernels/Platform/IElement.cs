namespace DimIlgpu.Kernels;

/// <summary>How the elements of a tensor are stored, as a type argument of a kernel: its loops then have no branch for it.</summary>
internal interface IElement
{
    /// <summary>Element <paramref name="index"/>.</summary>
    static abstract float Load(Floats memory, long index);

    /// <summary>Writes element <paramref name="index"/>.</summary>
    static abstract void Store(Floats memory, long index, float value);
}

/// <summary>Stored as it is.</summary>
internal readonly struct Float32Element : IElement
{
    public static float Load(Floats memory, long index) => memory.View[index];

    public static void Store(Floats memory, long index, float value) => memory.View[index] = value;
}
