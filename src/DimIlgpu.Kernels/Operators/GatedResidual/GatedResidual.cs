namespace DimIlgpu.Kernels;

/// <summary>A block's output, gated per sample and channel, added to the residual stream.</summary>
/// <remarks>
/// <para>y[r,c] = x[r,c] + gate[b,c] · o[r,c], b being the sample of row r.</para>
/// <para>dx = dy; do = gate · dy; dgate[b,c] = Σ_{r in b} dy[r,c] · o[r,c].</para>
/// <para>Source: adaLN-Zero of DiT, Peebles and Xie 2022, arXiv:2212.09748.</para>
/// </remarks>
public static class GatedResidual
{
    /// <summary>Adds the gated branch to the residual stream.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">The residual stream, (samples · tokens, columns), the tokens of a sample being adjacent.</param>
    /// <param name="gate">The gate, (samples, columns).</param>
    /// <param name="o">The branch, (samples · tokens, columns).</param>
    /// <param name="y">Output, (samples · tokens, columns); may be x or o.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the samples do not divide the rows.</exception>
    public static void Forward(Device device, Tensor x, Tensor gate, Tensor o, Tensor y)
    {
        CheckInputs(x, gate, o);
        Check.Shape(y, x.Shape);
        long rows = x.Rows / gate.Rows;
        if (!Stored.IsMixed(device, x, o, gate, y) || rows > int.MaxValue)
        {
            device.Rows(
                new GatedResidualForward(
                    x.Memory, gate.Memory, o.Memory, y.Memory, x.Pitch, gate.Pitch, o.Pitch, y.Pitch, x.Columns, rows),
                x.Rows, x.Columns);
        }
        else if (x.ElementType == ElementType.BFloat16)
        {
            Groups<NarrowQuad, NarrowQuad>();
        }
        else if (o.ElementType == ElementType.BFloat16)
        {
            Groups<FloatQuad, NarrowQuad>();
        }
        else
        {
            Groups<FloatQuad, FloatQuad>();
        }

        void Groups<TStream, TBranch>()
            where TStream : unmanaged, IStored<TStream, FloatQuad>
            where TBranch : unmanaged, IStored<TBranch, FloatQuad> => RowFours.Launch(
                device,
                new GatedResidualForwardGroups<TStream, TBranch>(
                    x.Memory, gate.Memory, o.Memory, y.Memory, x.Pitch, gate.Pitch, o.Pitch, y.Pitch, x.Columns, (int)rows),
                gate.Rows, (int)rows, x.Columns);
    }

    /// <summary>The gradients, from one read of dy and o.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="gate">The gate, (samples, columns).</param>
    /// <param name="o">The branch, (samples · tokens, columns).</param>
    /// <param name="dy">Gradient of the output, (samples · tokens, columns).</param>
    /// <param name="dx">Gradient of x; null where not wanted.</param>
    /// <param name="dgate">Gradient of the gate, (samples, columns); null where not wanted.</param>
    /// <param name="branch">Gradient of o, (samples · tokens, columns); null where not wanted.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the samples do not divide the rows.</exception>
    public static void Backward(Device device, Tensor gate, Tensor o, Tensor dy, Sink? dx, Sink? dgate, Sink? branch)
    {
        CheckInputs(dy, gate, o);
        CheckSink(dx, dy.Shape, nameof(dx));
        CheckSink(dgate, gate.Shape, nameof(dgate));
        CheckSink(branch, dy.Shape, nameof(branch));
        long rows = dy.Rows / gate.Rows;
        using ArenaScope scope = device.Scratch.Scope();
        if (!IsMixed())
        {
            int parts = ColumnSum.Parts(rows);
            Tensor partial = device.Scratch.Rent(new(gate.Rows * parts, gate.Columns));
            device.Rows(
                new GatedResidualBackward(
                    gate.Memory, o.Memory, dy.Memory, Target.Of(dx, dy), partial.Memory, Target.Of(branch, dy),
                    gate.Pitch, o.Pitch, dy.Pitch, dy.Columns, rows, parts),
                partial.Rows, dy.Columns);
            Fold(partial, parts);
        }
        else if (dy.ElementType == ElementType.BFloat16)
        {
            Groups<NarrowQuad, NarrowQuad>();
        }
        else if (o.ElementType == ElementType.BFloat16)
        {
            Groups<FloatQuad, NarrowQuad>();
        }
        else
        {
            Groups<FloatQuad, FloatQuad>();
        }

        bool IsMixed() => Stored.IsMixed(device, dy, o, gate, dx?.Tensor ?? dy)
            && (branch is not { } to || Stored.Fits(to.Tensor, o.ElementType, 4)) && rows <= int.MaxValue;

        void Groups<TStream, TBranch>()
            where TStream : unmanaged, IStored<TStream, FloatQuad>
            where TBranch : unmanaged, IStored<TBranch, FloatQuad>
        {
            int parts = GatedResidualBackwardGroups<TStream, TBranch>.Parts(gate.Rows, rows, dy.Columns);
            bool isWhole = parts == 1 && (dgate is not { } whole || Stored.IsAligned(whole.Tensor, 4));
            Tensor partial = isWhole ? gate : device.Scratch.Rent(new(gate.Rows * parts, gate.Columns));
            new GatedResidualBackwardGroups<TStream, TBranch>(
                gate.Memory, o.Memory, dy.Memory, Target.Of(dx, dy), Target.Of(isWhole ? dgate : new(partial, Add: false), gate),
                Target.Of(branch, o), gate.Pitch, o.Pitch, dy.Pitch, dy.Columns, (int)rows, parts).Launch(device, gate.Rows * parts);
            if (!isWhole)
            {
                Fold(partial, parts);
            }
        }

        void Fold(Tensor partial, int parts)
        {
            if (dgate is { } sink)
            {
                ColumnSum.Fold(device, partial, parts, sink);
            }
        }
    }

    private static void CheckInputs(Tensor x, Tensor gate, Tensor o)
    {
        Check.NotEmpty(x);
        Check.Shape(gate, new(gate.Rows, x.Columns), nameof(gate));
        Check.Divides(gate.Rows, x.Rows, nameof(x));
        Check.Shape(o, x.Shape, nameof(o));
    }

    private static void CheckSink(Sink? sink, Shape shape, string name)
    {
        if (sink is { } wanted)
        {
            Check.Shape(wanted.Tensor, shape, name);
        }
    }
}
