using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: <see cref="SoftplusForward"/> with the fewest special functions, as <see cref="QuadMap"/> lays it out.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct SoftplusForwardGroups<TStored>(
    Floats x, Floats bias, Floats y, int xPitch, int biasPitch, int yPitch, Divisor rows, QuadMap map) : IQuadMap<BiasedQuad<TStored>>
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    // With one group more, and so 40 registers, the driver's compiler keeps 8 bytes of float32 in local memory.
    public static int GroupsPerProcessor => Interop.SizeOf<TStored>() < Interop.SizeOf<FloatQuad>() ? 6 : 5;

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
    public static int GroupsPerProcessor => 18;

    public static int ThreadsPerGroup => QuadPlace.Threads;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        QuadPlace place = new(columns);
        if (place.Column >= columns)
        {
            return;
        }

        int row = (int)runs.First((int)place.Strip, out int count), quad = place.Column / 4, end = row + count;
        FloatQuad sum = default;
        for (; row + 4 <= end; row += 4)
        {
            QuadIndex at0 = new(row, quad, 0, 0), at1 = new(row, quad, 1, 0), at2 = new(row, quad, 2, 0), at3 = new(row, quad, 3, 0);
            ThreeQuads<TStored> a = this.Load(at0), b = this.Load(at1), c = this.Load(at2), d = this.Load(at3);
            this.Put(at0, a, ref sum);
            this.Put(at1, b, ref sum);
            this.Put(at2, c, ref sum);
            this.Put(at3, d, ref sum);
        }

        for (; row < end; row++)
        {
            QuadIndex at = new(row, quad, 0, 0);
            this.Put(at, this.Load(at), ref sum);
        }

        FloatQuad.Of(partial)[((place.Strip * columns) + place.Column) / 4] = sum;
    }

    private ThreeQuads<TStored> Load(QuadIndex at) =>
        new(at.Read(TStored.Of(y), yPitch), at.Read(TStored.Of(dy), dyPitch), dx.Before<TStored>(at));

    private void Put(QuadIndex at, ThreeQuads<TStored> loaded, ref FloatQuad sum)
    {
        FloatQuad d = loaded.B.Value * FloatQuad.SoftplusSlope(loaded.A.Value);
        sum += d;
        dx.Put(at, loaded.C, d);
    }
}
