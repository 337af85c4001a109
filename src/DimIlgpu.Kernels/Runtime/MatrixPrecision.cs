using System.Diagnostics.CodeAnalysis;

namespace DimIlgpu.Kernels;

/// <summary>How a device multiplies matrices. Sums and storage are float32 in each of them.</summary>
public enum MatrixPrecision
{
    /// <summary>True float32: 24 significant bits.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "It is the format's name.")]
    Float32,

    /// <summary>Tensor cores on operands rounded to 11 significant bits, with float32's range.</summary>
    TensorFloat32,

    /// <summary>Tensor cores on operands rounded to 8 significant bits, with float32's range.</summary>
    BFloat16,
}
