namespace DimIlgpu.Kernels;

/// <summary>Where a gradient goes.</summary>
/// <param name="Tensor">The memory that receives it.</param>
/// <param name="Add">True to add to what is there; false to overwrite it, for the first of several contributions.</param>
public readonly record struct Sink(Tensor Tensor, bool Add);
