using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a thread has four columns of a part of a sample's rows, whose share of dgate it sums in registers.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct GatedResidualBackwardGroups<TStored>(
    Floats gate, Floats o, Floats dy, Target dx, Floats dgate, Target branch,
    int gatePitch, int oPitch, int dyPitch, int columns, long rows, int parts) : IGroupKernel
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

        int sample = (int)(place.Strip / parts), part = (int)(place.Strip % parts), column = place.Column;
        long begin = ColumnSum.Begin(rows, part, parts);
        int count = (int)(ColumnSum.Begin(rows, part + 1, parts) - begin), dStep = dyPitch / 4, oStep = oPitch / 4;
        begin += sample * rows;
        FloatQuad factor = TStored.Of(gate)[(((long)sample * gatePitch) + column) / 4].Value, sum = default;
        ArrayView<TStored> ds = TStored.Of(dy).SubView(((begin * dyPitch) + column) / 4);
        ArrayView<TStored> os = TStored.Of(o).SubView(((begin * oPitch) + column) / 4);
        ArrayView<TStored> to = dx.From<TStored, FloatQuad>(begin, column), branches = branch.From<TStored, FloatQuad>(begin, column);
        int i = 0;
        for (; i + 4 <= count; i += 4)
        {
            TStored d0 = ds[i * dStep], d1 = ds[(i + 1) * dStep], d2 = ds[(i + 2) * dStep], d3 = ds[(i + 3) * dStep];
            TStored o0 = os[i * oStep], o1 = os[(i + 1) * oStep], o2 = os[(i + 2) * oStep], o3 = os[(i + 3) * oStep];
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

    private void Put(ArrayView<TStored> to, ArrayView<TStored> branches, int i, FloatQuad d, FloatQuad o, FloatQuad factor, ref FloatQuad sum)
    {
        sum = FloatQuad.Fma(d, o, sum);
        dx.Put<TStored, FloatQuad>(to, i * (dx.Pitch / 4), d);
        branch.Put<TStored, FloatQuad>(branches, i * (branch.Pitch / 4), d * factor);
    }
}
