using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a thread has four columns of up to four rows of a group, all on their way at once.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct SoftplusForwardGroups<TStored>(
    Floats x, Floats bias, Floats y, int xPitch, int biasPitch, int yPitch, int columns, int rows) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        RowFours place = new(columns, rows);
        if (place.Column >= columns)
        {
            return;
        }

        int xStep = xPitch / 4, yStep = yPitch / 4;
        FloatQuad shift = FloatQuad.Load(bias, (place.Sample * biasPitch) + place.Column);
        ArrayView<TStored> xs = TStored.Of(x).SubView(((place.Row * xPitch) + place.Column) / 4);
        ArrayView<TStored> to = TStored.Of(y).SubView(((place.Row * yPitch) + place.Column) / 4);
        if (place.Left >= 4)
        {
            TStored x0 = xs[0], x1 = xs[xStep], x2 = xs[2 * xStep], x3 = xs[3 * xStep];
            to[0] = TStored.From(FloatQuad.Softplus(x0.Value + shift));
            to[yStep] = TStored.From(FloatQuad.Softplus(x1.Value + shift));
            to[2 * yStep] = TStored.From(FloatQuad.Softplus(x2.Value + shift));
            to[3 * yStep] = TStored.From(FloatQuad.Softplus(x3.Value + shift));
            return;
        }

        for (int i = 0; i < place.Left; i++)
        {
            to[i * yStep] = TStored.From(FloatQuad.Softplus(xs[i * xStep].Value + shift));
        }
    }
}

/// <summary>GPU: a thread has four columns of a part's rows, whose share of the bias's gradient it sums in registers.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct SoftplusBackwardGroups<TStored>(
    Floats y, Floats dy, Target dx, Floats partial, int yPitch, int dyPitch, int columns, long rows, int parts) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        QuadPlace place = new(columns);
        if (place.Column >= columns)
        {
            return;
        }

        long group = place.Strip / parts;
        int part = (int)(place.Strip - (group * parts));
        long begin = ColumnSum.Begin(rows, part, parts);
        int count = (int)(ColumnSum.Begin(rows, part + 1, parts) - begin), yStep = yPitch / 4, dyStep = dyPitch / 4, i = 0;
        begin += group * rows;
        ArrayView<TStored> ys = TStored.Of(y).SubView(((begin * yPitch) + place.Column) / 4);
        ArrayView<TStored> ds = TStored.Of(dy).SubView(((begin * dyPitch) + place.Column) / 4);
        ArrayView<TStored> to = dx.From<TStored, FloatQuad>(begin, place.Column);
        FloatQuad sum = default;
        for (; i + 4 <= count; i += 4)
        {
            TStored y0 = ys[i * yStep], y1 = ys[(i + 1) * yStep], y2 = ys[(i + 2) * yStep], y3 = ys[(i + 3) * yStep];
            TStored d0 = ds[i * dyStep], d1 = ds[(i + 1) * dyStep], d2 = ds[(i + 2) * dyStep], d3 = ds[(i + 3) * dyStep];
            this.Put(to, i, y0.Value, d0.Value, ref sum);
            this.Put(to, i + 1, y1.Value, d1.Value, ref sum);
            this.Put(to, i + 2, y2.Value, d2.Value, ref sum);
            this.Put(to, i + 3, y3.Value, d3.Value, ref sum);
        }

        for (; i < count; i++)
        {
            this.Put(to, i, ys[i * yStep].Value, ds[i * dyStep].Value, ref sum);
        }

        FloatQuad.Of(partial)[((place.Strip * columns) + place.Column) / 4] = sum;
    }

    private void Put(ArrayView<TStored> to, int i, FloatQuad y, FloatQuad d, ref FloatQuad sum)
    {
        d *= FloatQuad.SoftplusSlope(y);
        sum += d;
        dx.Put<TStored, FloatQuad>(to, i * (dx.Pitch / 4), d);
    }
}
