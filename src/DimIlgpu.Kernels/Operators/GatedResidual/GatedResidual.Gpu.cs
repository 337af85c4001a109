using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a thread has four columns of up to four rows of a sample, all on their way at once.</summary>
/// <remarks>x, the gate and y are stored as <typeparamref name="TStream"/>, o as <typeparamref name="TBranch"/>.</remarks>
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad))]
internal readonly struct GatedResidualForwardGroups<TStream, TBranch>(
    Floats x, Floats gate, Floats o, Floats y, int xPitch, int gatePitch, int oPitch, int yPitch, int columns, int rows) : IGroupKernel
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        RowFours place = new(columns, rows);
        if (place.Column >= columns)
        {
            return;
        }

        int xStep = xPitch / 4, oStep = oPitch / 4, yStep = yPitch / 4;
        FloatQuad factor = TStream.Of(gate)[((place.Sample * gatePitch) + place.Column) / 4].Value;
        ArrayView<TStream> xs = TStream.Of(x).SubView(((place.Row * xPitch) + place.Column) / 4);
        ArrayView<TBranch> os = TBranch.Of(o).SubView(((place.Row * oPitch) + place.Column) / 4);
        ArrayView<TStream> to = TStream.Of(y).SubView(((place.Row * yPitch) + place.Column) / 4);
        if (place.Left >= 4)
        {
            TStream x0 = xs[0], x1 = xs[xStep], x2 = xs[2 * xStep], x3 = xs[3 * xStep];
            TBranch o0 = os[0], o1 = os[oStep], o2 = os[2 * oStep], o3 = os[3 * oStep];
            to[0] = TStream.From(FloatQuad.Fma(factor, o0.Value, x0.Value));
            to[yStep] = TStream.From(FloatQuad.Fma(factor, o1.Value, x1.Value));
            to[2 * yStep] = TStream.From(FloatQuad.Fma(factor, o2.Value, x2.Value));
            to[3 * yStep] = TStream.From(FloatQuad.Fma(factor, o3.Value, x3.Value));
            return;
        }

        for (int i = 0; i < place.Left; i++)
        {
            to[i * yStep] = TStream.From(FloatQuad.Fma(factor, os[i * oStep].Value, xs[i * xStep].Value));
        }
    }
}

/// <summary>GPU: a thread has four columns of a part of a sample's rows, whose share of dgate it sums in registers.</summary>
/// <remarks>dy, the gate and dx are stored as <typeparamref name="TStream"/>, o and its gradient as <typeparamref name="TBranch"/>.</remarks>
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad))]
internal readonly struct GatedResidualBackwardGroups<TStream, TBranch>(
    Floats gate, Floats o, Floats dy, Target dx, Floats dgate, Target branch,
    int gatePitch, int oPitch, int dyPitch, int columns, long rows, int parts) : IGroupKernel
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        QuadPlace place = new(columns);
        if (place.Column >= columns)
        {
            return;
        }

        int sample = (int)(place.Strip / parts), part = (int)(place.Strip % parts), column = place.Column;
        long begin = ColumnSum.Begin(rows, part, parts);
        int count = (int)(ColumnSum.Begin(rows, part + 1, parts) - begin), dStep = dyPitch / 4, oStep = oPitch / 4;
        begin += sample * rows;
        FloatQuad factor = TStream.Of(gate)[(((long)sample * gatePitch) + column) / 4].Value, sum = default;
        ArrayView<TStream> ds = TStream.Of(dy).SubView(((begin * dyPitch) + column) / 4);
        ArrayView<TBranch> os = TBranch.Of(o).SubView(((begin * oPitch) + column) / 4);
        ArrayView<TStream> to = dx.From<TStream, FloatQuad>(begin, column);
        ArrayView<TBranch> branches = branch.From<TBranch, FloatQuad>(begin, column);
        int i = 0;
        for (; i + 4 <= count; i += 4)
        {
            TStream d0 = ds[i * dStep], d1 = ds[(i + 1) * dStep], d2 = ds[(i + 2) * dStep], d3 = ds[(i + 3) * dStep];
            TBranch o0 = os[i * oStep], o1 = os[(i + 1) * oStep], o2 = os[(i + 2) * oStep], o3 = os[(i + 3) * oStep];
            this.Put(to, branches, i, d0.Value, o0.Value, factor, ref sum);
            this.Put(to, branches, i + 1, d1.Value, o1.Value, factor, ref sum);
            this.Put(to, branches, i + 2, d2.Value, o2.Value, factor, ref sum);
            this.Put(to, branches, i + 3, d3.Value, o3.Value, factor, ref sum);
        }

        for (; i < count; i++)
        {
            this.Put(to, branches, i, ds[i * dStep].Value, os[i * oStep].Value, factor, ref sum);
        }

        FloatQuad.Of(dgate)[((place.Strip * columns) + column) / 4] = sum;
    }

    private void Put(ArrayView<TStream> to, ArrayView<TBranch> branches, int i, FloatQuad d, FloatQuad o, FloatQuad factor, ref FloatQuad sum)
    {
        sum = FloatQuad.Fma(d, o, sum);
        dx.Put<TStream, FloatQuad>(to, i * (dx.Pitch / 4), d);
        branch.Put<TBranch, FloatQuad>(branches, i * (branch.Pitch / 4), d * factor);
    }
}
