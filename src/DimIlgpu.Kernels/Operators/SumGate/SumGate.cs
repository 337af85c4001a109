namespace DimIlgpu.Kernels;

/// <summary>The sum of both directions of the scan, gated.</summary>
/// <remarks>
/// <para>g = s · (y_forward + y_backward) · SiLU(z), s being 1, or ½ where the sum is to be divided.</para>
/// <para>dy_forward = dy_backward = s · dg · SiLU(z); dz = s · dg · (y_forward + y_backward) · SiLU′(z).</para>
/// </remarks>
public static class SumGate
{
    /// <summary>Sums and gates.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="y">The forward, then the backward direction, (2 · rows, columns).</param>
    /// <param name="z">The gate before its SiLU, (rows, columns).</param>
    /// <param name="g">Output, (rows, columns); may be z or either half of y.</param>
    /// <param name="divide">Whether the sum is halved.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="z"/>.</exception>
    public static void Forward(Device device, Tensor y, Tensor z, Tensor g, bool divide)
    {
        Check.NotEmpty(z);
        Check.Shape(y, new(2 * z.Rows, z.Columns));
        Check.Shape(g, z.Shape);
        float factor = divide ? 0.5f : 1f;
        if (!Stored.IsQuad(device, z, y, g))
        {
            device.Strips(
                new SumGateForward(y.Memory, z.Memory, g.Memory, y.Pitch, z.Pitch, g.Pitch, z.Rows, factor), z.Rows, z.Columns);
        }
        else if (z.ElementType == ElementType.BFloat16)
        {
            Groups<NarrowQuad>();
        }
        else
        {
            Groups<FloatQuad>();
        }

        void Groups<TStored>()
            where TStored : unmanaged, IStored<TStored, FloatQuad> => RowPair.Launch(
                device,
                new SumGateForwardGroups<TStored>(
                    y.Memory, z.Memory, g.Memory, y.Pitch, z.Pitch, g.Pitch, z.Columns, z.Rows, factor),
                z.Rows, z.Columns);
    }

    /// <summary>The gradients.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="y">Both directions, (2 · rows, columns).</param>
    /// <param name="z">The gate before its SiLU, (rows, columns).</param>
    /// <param name="dg">Gradient of the output, (rows, columns).</param>
    /// <param name="dy">Gradient of both directions, (2 · rows, columns); null where not wanted.</param>
    /// <param name="dz">Gradient of z; null where not wanted.</param>
    /// <param name="divide">Whether the sum was halved.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="z"/>.</exception>
    public static void Backward(Device device, Tensor y, Tensor z, Tensor dg, Sink? dy, Sink? dz, bool divide)
    {
        Check.NotEmpty(z);
        Check.Shape(y, new(2 * z.Rows, z.Columns));
        Check.Shape(dg, z.Shape);
        if (dy is { } directions)
        {
            Check.Shape(directions.Tensor, y.Shape, nameof(dy));
        }

        if (dz is { } gate)
        {
            Check.Shape(gate.Tensor, z.Shape, nameof(dz));
        }

        Target both = Target.Of(dy, y), one = Target.Of(dz, z);
        float factor = divide ? 0.5f : 1f;
        if (!Stored.IsQuad(device, z, y, dg, dy?.Tensor ?? y, dz?.Tensor ?? z))
        {
            device.Strips(
                new SumGateBackward(y.Memory, z.Memory, dg.Memory, both, one, y.Pitch, z.Pitch, dg.Pitch, z.Rows, factor),
                z.Rows, z.Columns);
        }
        else if (z.ElementType == ElementType.BFloat16)
        {
            Groups<NarrowQuad>();
        }
        else
        {
            Groups<FloatQuad>();
        }

        void Groups<TStored>()
            where TStored : unmanaged, IStored<TStored, FloatQuad> => RowPair.Launch(
                device,
                new SumGateBackwardGroups<TStored>(
                    y.Memory, z.Memory, dg.Memory, both, one, y.Pitch, z.Pitch, dg.Pitch, z.Columns, z.Rows, factor),
                z.Rows, z.Columns);
    }
}
