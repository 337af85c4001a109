namespace DimIlgpu.Kernels;

/// <summary>A row-major shape of <paramref name="Rows"/> × <paramref name="Columns"/>.</summary>
/// <param name="Rows">Product of all axes but the last.</param>
/// <param name="Columns">Length of the last, contiguous axis.</param>
public readonly record struct Shape(long Rows, int Columns)
{
    /// <summary>Number of elements.</summary>
    /// <exception cref="OverflowException">The product exceeds 2⁶³ − 1.</exception>
    public long Length => checked(this.Rows * this.Columns);

    /// <inheritdoc/>
    public override string ToString() => $"{this.Rows}×{this.Columns}";
}
