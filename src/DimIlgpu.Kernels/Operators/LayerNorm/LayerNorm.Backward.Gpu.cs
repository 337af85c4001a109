using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a part of a sample's rows is a group, and a thread has up to three quads of columns of all its rows.</summary>
/// <remarks>
/// So dshift and dscale are summed in registers over the part's rows. Two rows run at a time, whose sums over columns meet
/// in shared memory at one barrier; the place is another each time, so that the next need not wait for who reads slowly.
/// x, its modulation and dx are stored as <typeparamref name="TStream"/>, dh as <typeparamref name="TBranch"/>.
/// </remarks>
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(OneRowPart))]
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(TwoRowParts))]
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(ThreeRowParts))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(OneRowPart))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(TwoRowParts))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(ThreeRowParts))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(OneRowPart))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(TwoRowParts))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(ThreeRowParts))]
internal readonly struct LayerNormBackwardGroups<TStream, TBranch, TParts>(
    Floats x, Floats scale, Floats statistics, Floats dh, Target dx, Floats partial,
    int xPitch, int scalePitch, int dhPitch, int columns, float share, LayerNormSplit split, int modulated) : IGroupKernel
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
    where TParts : struct, IRowParts
{
    private const int Team = LayerNormTeams.Team;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        const int threads = LayerNormTeams.BackwardTeams * Team;
        ArrayView<FloatQuad> shared = SharedMemory.Allocate<FloatQuad>(2 * threads);
        int sample = split.Sample(Grid.IdxX), place = split.First(Grid.IdxX, sample), quads = columns / 4;
        long begin = split.Row(sample, place), end = begin + split.Count(place);
        LayerNormRow<TStream, TBranch> next = this.Load(begin, end), afterNext = this.Load(begin + 1, end);
        ArrayView<TStream> factors = TStream.Of(scale).SubView(modulated != 0 ? (long)sample * scalePitch / 4 : 0);
        LayerNormFactors f = new()
        {
            A = this.Factor(factors, 0, quads),
            B = TParts.Value > 1 ? this.Factor(factors, 1, quads) : default,
            C = TParts.Value > 2 ? this.Factor(factors, 2, quads) : default,
        };
        LayerNormSums sums = default;
        place = 0;
        for (long t = begin; t < end; t += 2)
        {
            LayerNormRow<TStream, TBranch> first = next, second = afterNext;
            next = this.Load(t + 2, end);
            afterNext = this.Load(t + 3, end);
            FloatQuad sum = new(
                Sum(first, f), Product(first, f), Sum(second, f), Product(second, f));
            sum = new(TPlatform.TeamSum(sum.X), TPlatform.TeamSum(sum.Y), TPlatform.TeamSum(sum.Z), TPlatform.TeamSum(sum.W));

            // By every thread: after a condition that only some fulfil, ILGPU repeats the rest of the loop, barrier included.
            shared[place + Group.IdxX] = sum;
            TPlatform.Barrier();
            sum = share * (shared[place] + shared[place + Team] + shared[place + (2 * Team)]);
            place = threads - place;
            this.Put(t, end, first, f, sum.X, sum.Y, ref sums);
            this.Put(t + 1, end, second, f, sum.Z, sum.W, ref sums);
        }

        if (modulated != 0)
        {
            ArrayView<FloatQuad> to = FloatQuad.Of(partial).SubView((long)Grid.IdxX * 2 * quads);
            Keep(to, quads, 0, sums.ShiftA, sums.ScaleA);
            if (TParts.Value > 1)
            {
                Keep(to, quads, 1, sums.ShiftB, sums.ScaleB);
            }

            if (TParts.Value > 2)
            {
                Keep(to, quads, 2, sums.ShiftC, sums.ScaleC);
            }
        }
    }

    private static int Quad(int part) => Group.IdxX + (part * LayerNormTeams.BackwardTeams * Team);

    private static void Keep(ArrayView<FloatQuad> to, int quads, int part, FloatQuad shift, FloatQuad scale)
    {
        if (Quad(part) < quads)
        {
            to[Quad(part)] = shift;
            to[quads + Quad(part)] = scale;
        }
    }

    private static float Sum(LayerNormRow<TStream, TBranch> row, LayerNormFactors f)
    {
        float sum = FloatQuad.Dot(row.GA.Value, f.A);
        sum += TParts.Value > 1 ? FloatQuad.Dot(row.GB.Value, f.B) : 0f;
        return sum + (TParts.Value > 2 ? FloatQuad.Dot(row.GC.Value, f.C) : 0f);
    }

    private static float Product(LayerNormRow<TStream, TBranch> row, LayerNormFactors f)
    {
        float sum = FloatQuad.Dot(row.GA.Value * f.A, row.Normal(row.XA));
        sum += TParts.Value > 1 ? FloatQuad.Dot(row.GB.Value * f.B, row.Normal(row.XB)) : 0f;
        return sum + (TParts.Value > 2 ? FloatQuad.Dot(row.GC.Value * f.C, row.Normal(row.XC)) : 0f);
    }

    private FloatQuad Factor(ArrayView<TStream> factors, int part, int quads) =>
        modulated != 0 && Quad(part) < quads ? FloatQuad.Of(1f) + factors[Quad(part)].Value : FloatQuad.Of(1f);

    /// <summary>A row of x and dh; zeros from <paramref name="end"/> on.</summary>
    private LayerNormRow<TStream, TBranch> Load(long row, long end)
    {
        int quads = row < end ? columns / 4 : 0;
        row = row < end ? row : end - 1;
        ArrayView<TStream> xs = TStream.Of(x).SubView(row * xPitch / 4);
        ArrayView<TBranch> gs = TBranch.Of(dh).SubView(row * dhPitch / 4);
        return new()
        {
            XA = Quad(0) < quads ? xs[Quad(0)] : default,
            XB = TParts.Value > 1 && Quad(1) < quads ? xs[Quad(1)] : default,
            XC = TParts.Value > 2 && Quad(2) < quads ? xs[Quad(2)] : default,
            GA = Quad(0) < quads ? gs[Quad(0)] : default,
            GB = TParts.Value > 1 && Quad(1) < quads ? gs[Quad(1)] : default,
            GC = TParts.Value > 2 && Quad(2) < quads ? gs[Quad(2)] : default,
            Mean = statistics.View[2 * row],
            Reciprocal = statistics.View[(2 * row) + 1],
        };
    }

    private void Put(long row, long end, LayerNormRow<TStream, TBranch> r, LayerNormFactors f, float sum, float product, ref LayerNormSums sums)
    {
        int quads = row < end ? columns / 4 : 0;
        ArrayView<TStream> to = dx.From<TStream, FloatQuad>(row < end ? row : end - 1, 0);
        this.Put(to, quads, 0, r, r.XA, r.GA, f.A, sum, product, ref sums.ShiftA, ref sums.ScaleA);
        if (TParts.Value > 1)
        {
            this.Put(to, quads, 1, r, r.XB, r.GB, f.B, sum, product, ref sums.ShiftB, ref sums.ScaleB);
        }

        if (TParts.Value > 2)
        {
            this.Put(to, quads, 2, r, r.XC, r.GC, f.C, sum, product, ref sums.ShiftC, ref sums.ScaleC);
        }
    }

    private void Put(
        ArrayView<TStream> to, int quads, int part, LayerNormRow<TStream, TBranch> row, TStream xs, TBranch gs, FloatQuad factor,
        float sum, float product, ref FloatQuad shift, ref FloatQuad scale)
    {
        FloatQuad g = gs.Value, normal = row.Normal(xs);
        shift += g;
        scale = FloatQuad.Fma(g, normal, scale);
        if (Quad(part) < quads)
        {
            dx.Put<TStream, FloatQuad>(
                to, Quad(part), row.Reciprocal * ((factor * g) - FloatQuad.Fma(product, normal, FloatQuad.Of(sum))));
        }
    }
}

/// <summary>What a thread holds of a row of x and dh.</summary>
internal struct LayerNormRow<TStream, TBranch>
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
{
    public TStream XA, XB, XC;
    public TBranch GA, GB, GC;
    public float Mean, Reciprocal;

    /// <summary>x̂.</summary>
    public readonly FloatQuad Normal(TStream x) => this.Reciprocal * (x.Value - FloatQuad.Of(this.Mean));
}

/// <summary>1 + scale of a thread's columns.</summary>
internal struct LayerNormFactors
{
    public FloatQuad A, B, C;
}

/// <summary>What a thread has summed of dshift and dscale.</summary>
internal struct LayerNormSums
{
    public FloatQuad ShiftA, ShiftB, ShiftC, ScaleA, ScaleB, ScaleC;
}

/// <summary>GPU: adds up the parts of dshift and dscale; a thread has four columns of one of them.</summary>
internal readonly struct LayerNormFold(Floats partial, Target dshift, Target dscale, int columns, int parts) : IGroupKernel
{
    public const int Threads = 64;

    /// <summary>More parts have more threads' worth of work than their columns give.</summary>
    public const int MostParts = 16;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        int quads = columns / 2, sample = Grid.IdxY, quad = (Grid.IdxX * Threads) + Group.IdxX, i = 0;
        if (quad >= quads)
        {
            return;
        }

        ArrayView<FloatQuad> mine = FloatQuad.Of(partial).SubView(((long)sample * parts * quads) + quad);
        FloatQuad sum = default;
        for (; i + 8 <= parts; i += 8)
        {
            FloatQuad a = mine[i * quads], b = mine[(i + 1) * quads], c = mine[(i + 2) * quads], d = mine[(i + 3) * quads];
            FloatQuad e = mine[(i + 4) * quads], f = mine[(i + 5) * quads], g = mine[(i + 6) * quads], h = mine[(i + 7) * quads];
            sum += ((a + b) + (c + d)) + ((e + f) + (g + h));
        }

        for (; i < parts; i++)
        {
            sum += mine[i * quads];
        }

        int column = 4 * quad;
        if (column < columns)
        {
            dshift.Put(sample, column, QuadLane.Of(sum));
        }
        else
        {
            dscale.Put(sample, column - columns, QuadLane.Of(sum));
        }
    }
}
