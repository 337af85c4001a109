using System.Diagnostics.CodeAnalysis;

namespace DimIlgpu.Kernels;

/// <summary>How a device multiplies matrices and stores activations. Sums, weights, statistics and losses are float32 in each of them.</summary>
public enum MatrixPrecision
{
    /// <summary>True float32: 24 significant bits.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "It is the format's name.")]
    Float32,

    /// <summary>Tensor cores on operands rounded to 11 significant bits, with float32's range.</summary>
    TensorFloat32,

    /// <summary>
    /// Mixed precision: activations are stored, and operands of products rounded, to 8 significant bits with float32's
    /// range; on CUDA by tensor cores, on OpenCL by float32 arithmetic.
    /// </summary>
    BFloat16,
}
