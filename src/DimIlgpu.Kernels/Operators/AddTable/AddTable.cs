namespace DimIlgpu.Kernels;

/// <summary>Adds the same table to every sample: the position embedding.</summary>
/// <remarks>
/// <para>y[r,c] = x[r,c] + table[r mod L, c], the L tokens of a sample being adjacent rows.</para>
/// <para>dx += dy; dtable[l,c] += Σ_b dy[b·L + l, c], summed in the order of b.</para>
/// </remarks>
public static class AddTable
{
    /// <summary>Adds the table.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Input, (B·L, columns).</param>
    /// <param name="table">The table, (L, columns).</param>
    /// <param name="y">Output, (B·L, columns); may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="x"/>.</exception>
    public static void Forward(Device device, Tensor x, Tensor table, Tensor y)
    {
        Check.NotEmpty(x);
        Check.Shape(table, new(table.Rows, x.Columns));
        Check.Divides(table.Rows, x.Rows, nameof(x));
        Check.Shape(y, x.Shape);
        if (!QuadMap.Takes(device, x, table, y))
        {
            device.Strips(
                new AddTableForward(x.Memory, table.Memory, y.Memory, x.Pitch, table.Pitch, y.Pitch, table.Rows), x.Rows, x.Columns);
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
            QuadMap map = QuadMap.Of<AddTableForwardGroups<TStored>, TwoQuads<TStored>>(x);
            map.Launch(device, new AddTableForwardGroups<TStored>(
                x.Memory, table.Memory, y.Memory, x.Pitch, table.Pitch, y.Pitch, new((int)table.Rows), map));
        }
    }

    /// <summary>Hands dy on, and sums it over the samples.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="dy">Gradient of the output, (B·L, columns).</param>
    /// <param name="dx">Gradient of x, (B·L, columns); null where not wanted.</param>
    /// <param name="dtable">Gradient of the table, (L, columns); null where not wanted.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="dy"/>.</exception>
    public static void Backward(Device device, Tensor dy, Sink? dx, Sink? dtable)
    {
        Sum.Accumulate(device, dy, dx);
        if (dtable is not { } sink)
        {
            return;
        }

        Tensor table = sink.Tensor;
        Check.Shape(table, new(table.Rows, dy.Columns), nameof(dtable));
        Check.Divides(table.Rows, dy.Rows, nameof(dy));
        int batch = (int)(dy.Rows / table.Rows);
        if (!ColumnSum.SumRows(device, dy, sink, RowRuns.Apart(table.Rows, batch)))
        {
            device.Strips(
                new AddTableBackward(
                    dy.Memory, table.Memory, dy.Pitch, table.Pitch, table.Rows, batch, sink.Add ? 1 : 0),
                table.Rows, table.Columns);
        }
    }
}
