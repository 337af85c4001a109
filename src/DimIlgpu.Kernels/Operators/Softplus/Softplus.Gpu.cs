using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: <see cref="SoftplusForward"/> with the fewest special functions, as <see cref="QuadMap"/> lays it out.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct SoftplusForwardGroups<TStored>(
    Floats x, Floats bias, Floats y, int xPitch, int biasPitch, int yPitch, Divisor rows, QuadMap map) : IQuadMap<BiasedQuad<TStored>>
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => map.Run<SoftplusForwardGroups<TStored>, BiasedQuad<TStored>>(this);

    public BiasedQuad<TStored> Load(QuadIndex at) =>
        new(at.Read(TStored.Of(x), xPitch), at.Read(FloatQuad.Of(bias), biasPitch, rows.Quotient(at.Row)));

    public void Store(QuadIndex at, BiasedQuad<TStored> loaded) =>
        at.Write(TStored.Of(y), yPitch, TStored.From(FloatQuad.Softplus(loaded.Value.Value + loaded.Bias)));
}

/// <summary>An input as it is stored, and its bias.</summary>
internal readonly struct BiasedQuad<TStored>(TStored value, FloatQuad bias)
    where TStored : unmanaged
{
    public readonly TStored Value = value;
    public readonly FloatQuad Bias = bias;
}

/// <summary>GPU: a thread has four columns of a part's rows, whose share of the bias's gradient it sums in registers.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct SoftplusBackwardGroups<TStored>(
    Floats y, Floats dy, Target dx, Floats partial, int yPitch, int dyPitch, int columns, RowRuns runs) : IGroupKernel
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

        long begin = runs.First((int)place.Strip, out int count);
        int yStep = yPitch / 4, dyStep = dyPitch / 4, i = 0;
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
