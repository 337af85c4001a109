using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>How the elements of a tensor are stored, as a type argument of a kernel: its loops then have no branch for it.</summary>
internal interface IElement
{
    /// <summary>Element <paramref name="index"/> + <paramref name="offset"/> as it is stored, the offset being 0 or more.</summary>
    static abstract int Load(Floats memory, long index, int offset);

    /// <summary>What <see cref="Load"/> brought, as float32. Until then nothing waits for the memory.</summary>
    static abstract float Widen(int stored);

    /// <summary>Writes element <paramref name="index"/> + <paramref name="offset"/>.</summary>
    static abstract void Store(Floats memory, long index, int offset, float value);
}

/// <summary>Stored as it is.</summary>
internal readonly struct Float32Element : IElement
{
    public static int Load(Floats memory, long index, int offset) => (int)Interop.FloatAsInt(memory.View.SubView(index)[offset]);

    public static float Widen(int stored) => Interop.IntAsFloat((uint)stored);

    public static void Store(Floats memory, long index, int offset, float value) => memory.View.SubView(index)[offset] = value;
}

/// <summary>Stored as bfloat16.</summary>
internal readonly struct BFloat16Element : IElement
{
    public static int Load(Floats memory, long index, int offset) => memory.Halves.SubView(index)[offset];

    public static float Widen(int stored) => Interop.IntAsFloat((uint)stored << 16);

    public static void Store(Floats memory, long index, int offset, float value) =>
        memory.Halves.SubView(index)[offset] = BFloat16.Round(value);
}
