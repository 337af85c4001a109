namespace DimIlgpu.Kernels;

/// <summary>The softplus of a biased input: the step size Δ of the selective scan.</summary>
/// <remarks>
/// <para>y[r,c] = softplus(x[r,c] + b[g,c]), softplus(v) = ln(1 + e^v), and v itself above 20; g is the group of row r.</para>
/// <para>dx[r,c] += dy·(1 − e^−y), for the slope of softplus is σ(v) = 1 − e^−softplus(v): x itself is not needed.</para>
/// <para>db[g,c] += Σ_{r in group g} dy·(1 − e^−y).</para>
/// <para>Source: Gu and Dao 2023, arXiv:2312.00752, section 3.5; the threshold is that of the published models.</para>
/// </remarks>
public static class Softplus
{
    /// <summary>Computes y.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Input, (groups · rows per group, columns).</param>
    /// <param name="bias">b, (groups, columns).</param>
    /// <param name="y">Output, as x; may be x.</param>
    /// <exception cref="ArgumentException">The columns differ, or the groups do not divide the rows.</exception>
    public static void Forward(Device device, Tensor x, Tensor bias, Tensor y)
    {
        CheckShapes(x, bias, y);
        long rows = x.Rows / bias.Rows;
        if (!QuadMap.Takes(device, x, y) || !Stored.Fits(bias, ElementType.Float32, 4))
        {
            device.Strips(
                new SoftplusForward(x.Memory, bias.Memory, y.Memory, x.Pitch, bias.Pitch, y.Pitch, rows), x.Rows, x.Columns);
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
            QuadMap map = QuadMap.Of<SoftplusForwardGroups<TStored>, BiasedQuad<TStored>>(x);
            map.Launch(device, new SoftplusForwardGroups<TStored>(
                x.Memory, bias.Memory, y.Memory, x.Pitch, bias.Pitch, y.Pitch, new((int)rows), map));
        }
    }

    /// <summary>The gradients of <see cref="Forward"/>.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="y">The output of the forward pass.</param>
    /// <param name="dy">Gradient of the output.</param>
    /// <param name="dx">Gradient of x; null where not wanted.</param>
    /// <param name="dBias">Gradient of b, (groups, columns); null where not wanted.</param>
    public static void Backward(Device device, Tensor y, Tensor dy, Sink? dx, Sink? dBias)
    {
        Check.Shape(dy, y.Shape);
        // In one pass: otherwise dy would be read three times and written twice.
        bool isQuad = dx is not null && QuadMap.Takes(device, y, dy, dx.Value.Tensor);
        long groups = dBias?.Tensor.Rows ?? 1, rows = y.Rows / groups;
        int parts = isQuad
            ? ColumnSum.Parts(groups * QuadPlace.Groups(y.Columns), rows, most: 64, enough: 3072)
            : ColumnSum.Parts(rows);
        using ArenaScope scope = device.Scratch.Scope();
        Tensor partial = device.Scratch.Rent(new(groups * parts, y.Columns));
        Target to = Target.Of(dx, dy);
        if (!isQuad)
        {
            device.Rows(
                new SoftplusBackward(y.Memory, dy.Memory, to, partial.Memory, y.Pitch, dy.Pitch, y.Columns, rows, parts),
                partial.Rows, y.Columns);
        }
        else if (y.ElementType == ElementType.BFloat16)
        {
            Groups<NarrowQuad>();
        }
        else
        {
            Groups<FloatQuad>();
        }

        if (dBias is { } sums)
        {
            ColumnSum.Fold(device, partial, parts, sums);
        }

        void Groups<TStored>()
            where TStored : unmanaged, IStored<TStored, FloatQuad> => QuadPlace.Launch(
                device,
                new SoftplusBackwardGroups<TStored>(
                    y.Memory, dy.Memory, to, partial.Memory, y.Pitch, dy.Pitch, y.Columns, RowRuns.Parts(rows, parts, unit: 4)),
                partial.Rows, y.Columns);
    }

    private static void CheckShapes(Tensor x, Tensor bias, Tensor y)
    {
        Check.NotEmpty(x);
        Check.NotEmpty(bias);
        Check.Shape(bias, new(bias.Rows, x.Columns));
        Check.Divides(bias.Rows, x.Rows, nameof(x));
        Check.Shape(y, x.Shape);
    }
}
