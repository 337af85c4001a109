using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>How many parts of 384 columns a row is held in.</summary>
internal interface IRowParts
{
    static abstract int Value { get; }
}

internal readonly struct OneRowPart : IRowParts
{
    public static int Value => 1;
}

internal readonly struct TwoRowParts : IRowParts
{
    public static int Value => 2;
}

internal readonly struct ThreeRowParts : IRowParts
{
    public static int Value => 3;
}

/// <summary>A thread's quads of 384 columns of a row, as they are stored: every 32nd, for 32 threads share a row.</summary>
internal struct RowPart<TStored>
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public const int Columns = 384;
    public const int Team = 32;
    public const int Quads = Columns / 4;

    public TStored A, B, C;

    /// <summary>Loads from a row; zero from quad <paramref name="quads"/> on.</summary>
    public RowPart(ArrayView<TStored> row, int first, int quads)
    {
        this.A = first < quads ? row[first] : default;
        this.B = first + Team < quads ? row[first + Team] : default;
        this.C = first + (2 * Team) < quads ? row[first + (2 * Team)] : default;
    }
}

/// <summary>GPU: a row is the registers of 32 threads, read from memory once.</summary>
/// <remarks>x and its modulation are stored as <typeparamref name="TStream"/>, h as <typeparamref name="TBranch"/>.</remarks>
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(OneRowPart))]
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(TwoRowParts))]
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad), typeof(ThreeRowParts))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(OneRowPart))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(TwoRowParts))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad), typeof(ThreeRowParts))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(OneRowPart))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(TwoRowParts))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad), typeof(ThreeRowParts))]
internal readonly struct LayerNormForwardTeams<TStream, TBranch, TParts>(
    Floats x, Floats shift, Floats scale, Floats h, Floats statistics,
    int xPitch, int shiftPitch, int scalePitch, int hPitch, int columns, long rows, long count, int modulated) : IGroupKernel
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
    where TParts : struct, IRowParts
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        int lane = Group.IdxX % LayerNormTeams.Team, quads = columns / 4;
        long mine = ((long)Grid.IdxX * LayerNormTeams.Teams) + (Group.IdxX / LayerNormTeams.Team);

        // Sums are taken together, so a team beyond the last row does it once more and stores nothing.
        long row = mine < count ? mine : count - 1;
        ArrayView<TStream> from = TStream.Of(x).SubView(row * xPitch / 4);
        RowPart<TStream> p0 = new(from, lane, quads), p1 = default, p2 = default;
        if (TParts.Value > 1)
        {
            p1 = new(from, lane + RowPart<TStream>.Quads, quads);
        }

        if (TParts.Value > 2)
        {
            p2 = new(from, lane + (2 * RowPart<TStream>.Quads), quads);
        }

        // Differences from one element of the row keep their digits, however large the mean.
        float origin = from[0].Value.X;
        float sum = Sum(p0, lane, quads, origin);
        sum += TParts.Value > 1 ? Sum(p1, lane + RowPart<TStream>.Quads, quads, origin) : 0f;
        sum += TParts.Value > 2 ? Sum(p2, lane + (2 * RowPart<TStream>.Quads), quads, origin) : 0f;
        float mean = origin + (TPlatform.TeamSum(sum) / columns);
        float square = Square(p0, lane, quads, mean);
        square += TParts.Value > 1 ? Square(p1, lane + RowPart<TStream>.Quads, quads, mean) : 0f;
        square += TParts.Value > 2 ? Square(p2, lane + (2 * RowPart<TStream>.Quads), quads, mean) : 0f;
        float reciprocal = 1f / XMath.Sqrt((TPlatform.TeamSum(square) / columns) + LayerNorm.Epsilon);
        if (mine >= count)
        {
            return;
        }

        if (lane == 0)
        {
            statistics.View[2 * row] = mean;
            statistics.View[(2 * row) + 1] = reciprocal;
        }

        ArrayView<TBranch> to = TBranch.Of(h).SubView(row * hPitch / 4);
        long sample = modulated != 0 ? row / rows : 0;
        ArrayView<TStream> shifts = TStream.Of(shift).SubView(sample * shiftPitch / 4);
        ArrayView<TStream> scales = TStream.Of(scale).SubView(sample * scalePitch / 4);
        this.Put(to, shifts, scales, p0, lane, quads, mean, reciprocal);
        if (TParts.Value > 1)
        {
            this.Put(to, shifts, scales, p1, lane + RowPart<TStream>.Quads, quads, mean, reciprocal);
        }

        if (TParts.Value > 2)
        {
            this.Put(to, shifts, scales, p2, lane + (2 * RowPart<TStream>.Quads), quads, mean, reciprocal);
        }
    }

    private static float Sum(RowPart<TStream> part, int quad, int quads, float origin) =>
        Sum(part.A, quad < quads, origin) + Sum(part.B, quad + RowPart<TStream>.Team < quads, origin)
        + Sum(part.C, quad + (2 * RowPart<TStream>.Team) < quads, origin);

    private static float Sum(TStream x, bool isThere, float origin) =>
        isThere ? FloatQuad.Sum(x.Value - FloatQuad.Of(origin)) : 0f;

    private static float Square(RowPart<TStream> part, int quad, int quads, float mean) =>
        Square(part.A, quad < quads, mean) + Square(part.B, quad + RowPart<TStream>.Team < quads, mean)
        + Square(part.C, quad + (2 * RowPart<TStream>.Team) < quads, mean);

    private static float Square(TStream x, bool isThere, float mean)
    {
        FloatQuad d = x.Value - FloatQuad.Of(mean);
        return isThere ? FloatQuad.Dot(d, d) : 0f;
    }

    private void Put(
        ArrayView<TBranch> to, ArrayView<TStream> shifts, ArrayView<TStream> scales, RowPart<TStream> part, int quad, int quads, float mean, float reciprocal)
    {
        this.Put(to, shifts, scales, part.A, quad, quads, mean, reciprocal);
        this.Put(to, shifts, scales, part.B, quad + RowPart<TStream>.Team, quads, mean, reciprocal);
        this.Put(to, shifts, scales, part.C, quad + (2 * RowPart<TStream>.Team), quads, mean, reciprocal);
    }

    private void Put(
        ArrayView<TBranch> to, ArrayView<TStream> shifts, ArrayView<TStream> scales, TStream x, int quad, int quads, float mean, float reciprocal)
    {
        if (quad < quads)
        {
            FloatQuad y = reciprocal * (x.Value - FloatQuad.Of(mean));
            if (modulated != 0)
            {
                TStream scaling = scales[quad], shifting = shifts[quad];
                y = FloatQuad.Fma(y, FloatQuad.Of(1f) + scaling.Value, shifting.Value);
            }

            to[quad] = TBranch.From(y);
        }
    }
}

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
    int xPitch, int scalePitch, int dhPitch, int columns, long rows, int parts, int modulated) : IGroupKernel
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
        int sample = Grid.IdxX / parts, part = Grid.IdxX % parts, quads = columns / 4;
        long begin = (sample * rows) + ColumnSum.Begin(rows, part, parts), end = (sample * rows) + ColumnSum.Begin(rows, part + 1, parts);
        ArrayView<TStream> factors = TStream.Of(scale).SubView(modulated != 0 ? (long)sample * scalePitch / 4 : 0);
        LayerNormFactors f = new()
        {
            A = this.Factor(factors, 0, quads),
            B = TParts.Value > 1 ? this.Factor(factors, 1, quads) : default,
            C = TParts.Value > 2 ? this.Factor(factors, 2, quads) : default,
        };
        LayerNormSums sums = default;
        int place = 0;
        for (long t = begin; t < end; t += 2)
        {
            LayerNormRow<TStream, TBranch> first = this.Load(t, end), second = this.Load(t + 1, end);
            FloatQuad sum = new(
                Sum(first, f), Product(first, f), Sum(second, f), Product(second, f));
            sum = new(TPlatform.TeamSum(sum.X), TPlatform.TeamSum(sum.Y), TPlatform.TeamSum(sum.Z), TPlatform.TeamSum(sum.W));

            // By every thread: after a condition that only some fulfil, ILGPU repeats the rest of the loop, barrier included.
            shared[place + Group.IdxX] = sum;
            TPlatform.Barrier();
            sum = (1f / columns) * (shared[place] + shared[place + Team] + shared[place + (2 * Team)]);
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

/// <summary>The launches.</summary>
internal static class LayerNormTeams
{
    /// <summary>Threads of a row.</summary>
    public const int Team = 32;

    /// <summary>Rows of a group, forward.</summary>
    public const int Teams = 4;

    /// <summary>Teams that share a row, backward.</summary>
    public const int BackwardTeams = 3;

    /// <summary>
    /// Whether the rows of every tensor fit the registers, four columns at a time, and the others are stored as x is;
    /// the branch may be stored otherwise.
    /// </summary>
    public static bool Fits(Device device, Tensor x, Tensor branch, params ReadOnlySpan<Tensor> others) =>
        x.Columns <= 3 * RowPart<FloatQuad>.Columns && Stored.IsMixed(device, x, branch, others);

    /// <summary>Parts of a sample's rows in the backward, each of which leaves its sums.</summary>
    public static int Parts(long samples, long rows) => ColumnSum.Parts(samples, rows, most: 32, enough: 768);

    public static void Launch<TKernel>(Device device, TKernel kernel, long groups, int teams)
        where TKernel : struct, IGroupKernel => device.Groups(kernel, new(checked((int)groups), 1, 1), Team * teams);
}
