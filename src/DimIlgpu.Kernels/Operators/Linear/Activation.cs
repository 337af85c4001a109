namespace DimIlgpu.Kernels;

/// <summary>What a product makes of its sums as it stores them, instead of a pass over them afterwards.</summary>
public enum Activation
{
    /// <summary>They are stored as they are.</summary>
    Identity,

    /// <summary>ln(1 + e^x), as <see cref="Kernels.Softplus"/> defines it, which has the gradient too.</summary>
    Softplus,
}
