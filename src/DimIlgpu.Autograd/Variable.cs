using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>A value and, where it is wanted, its gradient.</summary>
/// <remarks>
/// The gradient's memory is rented when the first adjoint writes it: that one overwrites, later ones add.
/// <see cref="Columns"/> gives a view of both, so that (x, z) or (shift, scale, gate) are never copied apart.
/// </remarks>
public sealed class Variable
{
    private readonly Gradient? gradient;
    private readonly int start;

    internal Variable(Tensor value, Gradient? gradient, int start = 0) =>
        (this.Value, this.gradient, this.start) = (value, gradient, start);

    /// <summary>The value.</summary>
    public Tensor Value { get; }

    /// <summary>Whether anybody wants the gradient; false for a constant.</summary>
    public bool NeedsGradient => this.gradient is not null;

    /// <summary>Some adjacent columns of this variable, as a view: nothing is recorded or copied.</summary>
    /// <param name="start">The first column.</param>
    /// <param name="count">How many.</param>
    public Variable Columns(int start, int count) =>
        new(this.Value.Slice(start, count), this.gradient, this.start + start);

    /// <summary>Where an adjoint writes its contribution; null where no gradient is wanted.</summary>
    /// <remarks>Each call must be followed by a write of every element: the next caller is told to add.</remarks>
    public Sink? Sink() => this.gradient?.Sink(this.start, this.Value.Columns);

    /// <summary>The gradient that has been accumulated; null for a constant or where nothing depended on this.</summary>
    public Tensor? GradientValue => this.gradient?.Read(this.start, this.Value.Columns);

    internal Gradient? Accumulator => this.gradient;

    /// <summary>What the device made of a weight that stays the same; null for any other variable.</summary>
    internal PackedWeight? Packed { get; init; }

    /// <summary>The value in the element type of products; null where the value itself is that.</summary>
    internal Tensor? Operand { get; init; }
}
