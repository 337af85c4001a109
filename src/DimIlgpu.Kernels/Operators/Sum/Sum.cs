namespace DimIlgpu.Kernels;

/// <summary>The element-wise sum of two tensors.</summary>
/// <remarks>
/// <para>y = a + b.</para>
/// <para>da += dy; db += dy.</para>
/// </remarks>
public static class Sum
{
    /// <summary>Adds <paramref name="a"/> and <paramref name="b"/>.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="a">First term, (rows, columns).</param>
    /// <param name="b">Second term, (rows, columns).</param>
    /// <param name="y">Output, (rows, columns); may be either term.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="a"/>.</exception>
    public static void Forward(Device device, Tensor a, Tensor b, Tensor y)
    {
        Check.NotEmpty(a);
        Check.Shape(b, a.Shape);
        Check.Shape(y, a.Shape);
        device.Strips(new SumForward(a.Memory, b.Memory, y.Memory, a.Pitch, b.Pitch, y.Pitch), a.Rows, a.Columns);
    }

    /// <summary>Hands <paramref name="dy"/> to both terms.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="dy">Gradient of the output, (rows, columns).</param>
    /// <param name="da">Gradient of a; null where not wanted.</param>
    /// <param name="db">Gradient of b; null where not wanted.</param>
    public static void Backward(Device device, Tensor dy, Sink? da, Sink? db)
    {
        Accumulate(device, dy, da);
        Accumulate(device, dy, db);
    }

    /// <summary>Writes or adds <paramref name="x"/> to a gradient.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">The contribution, (rows, columns).</param>
    /// <param name="to">Where it goes; null where not wanted.</param>
    public static void Accumulate(Device device, Tensor x, Sink? to)
    {
        if (to is not { } sink)
        {
            return;
        }

        if (sink.Add)
        {
            Forward(device, sink.Tensor, x, sink.Tensor);
        }
        else
        {
            sink.Tensor.CopyFrom(x);
        }
    }
}
