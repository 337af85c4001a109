namespace DimIlgpu.Kernels;

/// <summary>The sigmoid linear unit.</summary>
/// <remarks>
/// <para>y = x · σ(x), σ(x) = 1 / (1 + e^−x).</para>
/// <para>dx = dy · σ(x) · (1 + x · (1 − σ(x))).</para>
/// </remarks>
public static class Silu
{
    /// <summary>Applies it to every element.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Input, (rows, columns).</param>
    /// <param name="y">Output, (rows, columns); may be x.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="x"/>.</exception>
    public static void Forward(Device device, Tensor x, Tensor y)
    {
        Check.NotEmpty(x);
        Check.Shape(y, x.Shape);
        device.Strips(new SiluForward(x.Memory, y.Memory, x.Pitch, y.Pitch), x.Rows, x.Columns);
    }

    /// <summary>The gradient.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">The input, (rows, columns).</param>
    /// <param name="dy">Gradient of the output, (rows, columns).</param>
    /// <param name="dx">Gradient of x.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="x"/>.</exception>
    public static void Backward(Device device, Tensor x, Tensor dy, Sink dx)
    {
        Check.NotEmpty(x);
        Check.Shape(dy, x.Shape);
        Check.Shape(dx.Tensor, x.Shape, nameof(dx));
        device.Strips(
            new SiluBackward(x.Memory, dy.Memory, Target.Of(dx, x), x.Pitch, dy.Pitch), x.Rows, x.Columns);
    }
}
