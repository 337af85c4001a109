using System.Diagnostics.CodeAnalysis;

namespace DimIlgpu.Kernels;

/// <summary>How the elements of a tensor are stored. Kernels compute in float32 whatever it is.</summary>
public enum ElementType
{
    /// <summary>4 bytes.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "It is the format's name.")]
    Float32,

    /// <summary>2 bytes: float32's upper half, rounded to the nearest. On GPUs only.</summary>
    BFloat16,
}
