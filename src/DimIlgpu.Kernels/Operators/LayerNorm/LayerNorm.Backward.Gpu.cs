using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a part of a sample's rows is a group, and a thread has up to three quads of columns of all its rows.</summary>
/// <remarks>
/// So dshift and dscale are summed in registers over the part's rows. Two rows run at a time, whose sums over columns meet
/// in shared memory at one barrier; the place is another each time, so that the next need not wait for who reads slowly.
/// x, its modulation, dx and what else is of the stream are stored as <typeparamref name="TStream"/>, dh, o and its gradient as
/// <typeparamref name="TBranch"/>. Behind a gated branch x is what it was added to; what the gradient of that adds is read while
/// the sums meet.
/// </remarks>
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(OneRowPart), typeof(NoBranch))]
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(OneRowPart), typeof(GatedBranch))]
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(TwoRowParts), typeof(NoBranch))]
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(TwoRowParts), typeof(GatedBranch))]
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(ThreeRowParts), typeof(NoBranch))]
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(ThreeRowParts), typeof(GatedBranch))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(OneRowPart), typeof(NoBranch))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(OneRowPart), typeof(GatedBranch))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(TwoRowParts), typeof(NoBranch))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(TwoRowParts), typeof(GatedBranch))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(ThreeRowParts), typeof(NoBranch))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(ThreeRowParts), typeof(GatedBranch))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(OneRowPart), typeof(NoBranch))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(OneRowPart), typeof(GatedBranch))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(TwoRowParts), typeof(NoBranch))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(TwoRowParts), typeof(GatedBranch))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(ThreeRowParts), typeof(NoBranch))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(ThreeRowParts), typeof(GatedBranch))]
internal readonly struct LayerNormBackwardGroups<TStream, TBranch, TParts, TGated>(
    Floats x, Floats gate, Floats o, Floats scale, Floats statistics, Floats dy, Floats dh, Target dx, Target branch, Floats partial, Floats gates,
    int xPitch, int gatePitch, int oPitch, int scalePitch, int dyPitch, int dhPitch, int columns, float share, LayerNormSplit split, int modulated,
    int seeded) : IGroupKernel
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
    where TParts : struct, IRowParts
    where TGated : struct, IGatedBranch
{
    private const int Team = LayerNormTeams.Team;

    public static int GroupsPerProcessor => TGated.IsThere && Interop.SizeOf<TBranch>() < Interop.SizeOf<FloatQuad>() ? 4 : 0;

    public static int ThreadsPerGroup => LayerNormTeams.BackwardTeams * Team;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        const int threads = LayerNormTeams.BackwardTeams * Team;
        ArrayView<FloatQuad> shared = SharedMemory.Allocate<FloatQuad>(2 * threads);
        int sample = split.Sample(Grid.IdxX), place = split.First(Grid.IdxX, sample), quads = columns / 4;
        long begin = split.Row(sample, place), end = begin + split.Count(place);
        LayerNormRow<TStream, TBranch> next = default, afterNext = default;
        if (!TGated.IsThere)
        {
            next = this.Load(begin, end);
            afterNext = this.Load(begin + 1, end);
        }

        ArrayView<TStream> factors = TStream.Of(scale).SubView(modulated != 0 ? (long)sample * scalePitch / 4 : 0);
        LayerNormFactors f = new()
        {
            A = this.Factor(factors, 0, quads),
            B = TParts.Value > 1 ? this.Factor(factors, 1, quads) : default,
            C = TParts.Value > 2 ? this.Factor(factors, 2, quads) : default,
        };
        LayerNormGates gated = default;
        if (TGated.IsThere)
        {
            ArrayView<TStream> gating = TStream.Of(gate).SubView((long)sample * gatePitch / 4);
            gated.A = Quad(0) < quads ? gating[Quad(0)].Value : default;
            gated.B = TParts.Value > 1 && Quad(1) < quads ? gating[Quad(1)].Value : default;
            gated.C = TParts.Value > 2 && Quad(2) < quads ? gating[Quad(2)].Value : default;
        }

        LayerNormSums sums = default;
        place = 0;
        for (long t = begin; t < end; t += 2)
        {
            LayerNormRow<TStream, TBranch> first = next, second = afterNext;
            LayerNormAddends<TStream, TBranch> firstAddends = default, secondAddends = default;
            if (TGated.IsThere)
            {
                first = this.Load(t, end);
                second = this.Load(t + 1, end);
                firstAddends = this.LoadAddends(t, end);
                secondAddends = this.LoadAddends(t + 1, end);
            }
            else
            {
                next = this.Load(t + 2, end);
                afterNext = this.Load(t + 3, end);
            }

            FloatQuad sum = new(
                Sum(first, f), Product(first, f), Sum(second, f), Product(second, f));
            sum = new(TPlatform.TeamSum(sum.X), TPlatform.TeamSum(sum.Y), TPlatform.TeamSum(sum.Z), TPlatform.TeamSum(sum.W));

            // By every thread: after a condition that only some fulfil, ILGPU repeats the rest of the loop, barrier included.
            shared[place + Group.IdxX] = sum;
            TPlatform.Barrier();
            sum = share * (shared[place] + shared[place + Team] + shared[place + (2 * Team)]);
            place = threads - place;
            this.Put(t, end, first, firstAddends, f, sum.X, sum.Y, ref sums, ref gated);
            this.Put(t + 1, end, second, secondAddends, f, sum.Z, sum.W, ref sums, ref gated);
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

        if (TGated.IsThere)
        {
            ArrayView<FloatQuad> to = FloatQuad.Of(gates).SubView((long)Grid.IdxX * quads);
            Keep(to, quads, 0, gated.SumA);
            Keep(to, TParts.Value > 1 ? quads : 0, 1, gated.SumB);
            Keep(to, TParts.Value > 2 ? quads : 0, 2, gated.SumC);
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

    private static void Keep(ArrayView<FloatQuad> to, int quads, int part, FloatQuad sum)
    {
        if (Quad(part) < quads)
        {
            to[Quad(part)] = sum;
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

    /// <summary>A row of o and of what is known of y's gradient; zeros where there is none.</summary>
    private LayerNormAddends<TStream, TBranch> LoadAddends(long row, long end)
    {
        int quads = row < end ? columns / 4 : 0, seeds = seeded != 0 ? quads : 0;
        row = row < end ? row : end - 1;
        ArrayView<TStream> ds = TStream.Of(dy).SubView(seeded != 0 ? row * dyPitch / 4 : 0);
        ArrayView<TBranch> os = TBranch.Of(o).SubView(row * oPitch / 4);
        return new()
        {
            DA = Quad(0) < seeds ? ds[Quad(0)] : default,
            DB = TParts.Value > 1 && Quad(1) < seeds ? ds[Quad(1)] : default,
            DC = TParts.Value > 2 && Quad(2) < seeds ? ds[Quad(2)] : default,
            OA = Quad(0) < quads ? os[Quad(0)] : default,
            OB = TParts.Value > 1 && Quad(1) < quads ? os[Quad(1)] : default,
            OC = TParts.Value > 2 && Quad(2) < quads ? os[Quad(2)] : default,
        };
    }

    private void Put(
        long row, long end, LayerNormRow<TStream, TBranch> r, LayerNormAddends<TStream, TBranch> a, LayerNormFactors f, float sum, float product,
        ref LayerNormSums sums, ref LayerNormGates gated)
    {
        int quads = row < end ? columns / 4 : 0;
        row = row < end ? row : end - 1;
        ArrayView<TStream> to = dx.From<TStream, FloatQuad>(row, 0);
        ArrayView<TBranch> branches = branch.From<TBranch, FloatQuad>(TGated.IsThere ? row : 0, 0);
        FloatQuad d = Gradient(r, r.XA, r.GA, f.A, sum, product, ref sums.ShiftA, ref sums.ScaleA);
        this.Put(to, branches, quads, 0, d, a.DA, a.OA, gated.A, ref gated.SumA);
        if (TParts.Value > 1)
        {
            d = Gradient(r, r.XB, r.GB, f.B, sum, product, ref sums.ShiftB, ref sums.ScaleB);
            this.Put(to, branches, quads, 1, d, a.DB, a.OB, gated.B, ref gated.SumB);
        }

        if (TParts.Value > 2)
        {
            d = Gradient(r, r.XC, r.GC, f.C, sum, product, ref sums.ShiftC, ref sums.ScaleC);
            this.Put(to, branches, quads, 2, d, a.DC, a.OC, gated.C, ref gated.SumC);
        }
    }

    private static FloatQuad Gradient(
        LayerNormRow<TStream, TBranch> row, TStream xs, TBranch gs, FloatQuad factor, float sum, float product, ref FloatQuad shift, ref FloatQuad scale)
    {
        FloatQuad g = gs.Value, normal = row.Normal(xs);
        shift += g;
        scale = FloatQuad.Fma(g, normal, scale);
        return row.Reciprocal * ((factor * g) - FloatQuad.Fma(product, normal, FloatQuad.Of(sum)));
    }

    private void Put(
        ArrayView<TStream> to, ArrayView<TBranch> branches, int quads, int part, FloatQuad d, TStream before, TBranch os, FloatQuad factor,
        ref FloatQuad total)
    {
        if (TGated.IsThere)
        {
            d += before.Value;
            total = FloatQuad.Fma(d, os.Value, total);
        }

        if (Quad(part) < quads)
        {
            dx.Put<TStream, FloatQuad>(to, Quad(part), d);
            if (TGated.IsThere)
            {
                branch.Put<TBranch, FloatQuad>(branches, Quad(part), d * factor);
            }
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

/// <summary>What a thread holds of a row of o and of y's gradient.</summary>
internal struct LayerNormAddends<TStream, TBranch>
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
{
    public TStream DA, DB, DC;
    public TBranch OA, OB, OC;
}

/// <summary>The gate of a thread's columns, and what it has summed of its gradient.</summary>
internal struct LayerNormGates
{
    public FloatQuad A, B, C, SumA, SumB, SumC;
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

/// <summary>GPU: adds up the parts of dshift and dscale, and of dgate where there is one; a thread has four columns of one of them.</summary>
internal readonly struct LayerNormFold(
    Floats partial, Floats gates, Target dshift, Target dscale, Target dgate, int columns, int count, int parts) : IGroupKernel
{
    public const int Threads = 64;

    /// <summary>More parts have more threads' worth of work than their columns give.</summary>
    public const int MostParts = 16;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        int both = columns / 2, sample = Grid.IdxY, quad = (Grid.IdxX * Threads) + Group.IdxX, i = 0;
        if (quad >= count)
        {
            return;
        }

        int quads = quad < both ? both : both / 2;
        ArrayView<FloatQuad> mine = FloatQuad.Of(quad < both ? partial : gates)
            .SubView(((long)sample * parts * quads) + (quad < both ? quad : quad - both));
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
        else if (column < 2 * columns)
        {
            dscale.Put(sample, column - columns, QuadLane.Of(sum));
        }
        else
        {
            dgate.Put(sample, column - (2 * columns), QuadLane.Of(sum));
        }
    }
}
