using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>What every operator asks of its arguments.</summary>
internal static class Check
{
    /// <summary>The tensor has this shape.</summary>
    public static void Shape(
        Tensor tensor, Shape expected, [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        if (tensor.Shape != expected)
        {
            throw new ArgumentException($"'{name}' has {tensor.Shape}; expected {expected}.", name);
        }
    }

    /// <summary>The tensor has this shape, and no gaps between rows.</summary>
    public static void Dense(
        Tensor tensor, Shape expected, [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        Shape(tensor, expected, name);
        if (!tensor.IsContiguous)
        {
            throw new ArgumentException($"'{name}' has rows {tensor.Pitch} apart; expected {tensor.Columns}.", name);
        }
    }

    /// <summary>There is something to do.</summary>
    public static void NotEmpty(Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string? name = null)
    {
        if (tensor.Rows < 1 || tensor.Columns < 1)
        {
            throw new ArgumentException($"'{name}' has {tensor.Shape}; expected at least 1×1.", name);
        }
    }

    /// <summary>The first divides the second.</summary>
    public static void Divides(long divisor, long value, string name)
    {
        if (divisor < 1 || value % divisor != 0)
        {
            throw new ArgumentException($"'{name}' has {value}; expected a multiple of {divisor}.", name);
        }
    }
}
