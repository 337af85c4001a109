namespace DimIlgpu.Kernels;

/// <summary>The Gaussian error linear unit in its tanh form, as in the MLP of DiT.</summary>
/// <remarks>
/// <para>y = ½ · x · (1 + tanh(a)) = x · σ(2a), a = √(2/π) · (x + 0.044715 · x³): one exponential and one division.</para>
/// <para>dx = dy · (s + x · s · (1 − s) · 2a′), s = σ(2a), a′ = √(2/π) · (1 + 3 · 0.044715 · x²).</para>
/// <para>Source: Hendrycks and Gimpel 2016, arXiv:1606.08415.</para>
/// </remarks>
public static class Gelu
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
        if (!QuadMap.Takes(device, x, y))
        {
            device.Strips(new GeluForward(x.Memory, y.Memory, x.Pitch, y.Pitch), x.Rows, x.Columns);
        }
        else if (x.ElementType == ElementType.BFloat16)
        {
            Groups<NarrowQuad>();
        }
        else
        {
            Groups<FloatQuad>();
        }

        void Groups<TStored>()
            where TStored : unmanaged, IStored<TStored, FloatQuad>
        {
            QuadMap map = QuadMap.Of<GeluForwardGroups<TStored>, TStored>(x);
            map.Launch(device, new GeluForwardGroups<TStored>(x.Memory, y.Memory, x.Pitch, y.Pitch, map));
        }
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
        Target to = Target.Of(dx, x);
        if (!QuadMap.Takes(device, x, dy, dx.Tensor))
        {
            device.Strips(new GeluBackward(x.Memory, dy.Memory, to, x.Pitch, dy.Pitch), x.Rows, x.Columns);
        }
        else if (x.ElementType == ElementType.BFloat16)
        {
            Groups<NarrowQuad>();
        }
        else
        {
            Groups<FloatQuad>();
        }

        void Groups<TStored>()
            where TStored : unmanaged, IStored<TStored, FloatQuad>
        {
            QuadMap map = QuadMap.Of<GeluBackwardGroups<TStored>, ThreeQuads<TStored>>(x);
            map.Launch(device, new GeluBackwardGroups<TStored>(x.Memory, dy.Memory, to, x.Pitch, dy.Pitch, map));
        }
    }
}
