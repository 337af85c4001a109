using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>How the rows of samples are divided: each sample into parts of equal size but for the last, each of which is a group.</summary>
/// <remarks>Found by multiplications: with divisions of 64 bits, each a subroutine, groups began a microsecond later.</remarks>
internal readonly struct LayerNormSplit
{
    private readonly Divisor parts;
    private readonly int size;
    private readonly long rows;

    public LayerNormSplit(long samples, long rows)
    {
        int wanted = ColumnSum.Parts(samples, rows, most: 32, enough: 384);
        this.rows = rows;
        this.size = checked((int)((rows + wanted - 1) / wanted));
        this.parts = new((int)((rows + this.size - 1) / this.size));
    }

    /// <summary>Parts of a sample.</summary>
    public int Parts => this.parts.Value;

    /// <summary>The sample of a group.</summary>
    public int Sample(int group) => this.parts.Quotient(group);

    /// <summary>The first row of a group, in its sample.</summary>
    public int First(int group, int sample) => (group - (sample * this.parts.Value)) * this.size;

    /// <summary>The same row of all.</summary>
    public long Row(int sample, int first) => (sample * this.rows) + first;

    /// <summary>Rows of the group that begins there.</summary>
    public int Count(int first) => this.rows - first < this.size ? (int)(this.rows - first) : this.size;
}

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

/// <summary>Whether a gated branch is added to the rows before they are normalised.</summary>
internal interface IGatedBranch
{
    static abstract bool IsThere { get; }
}

internal readonly struct NoBranch : IGatedBranch
{
    public static bool IsThere => false;
}

internal readonly struct GatedBranch : IGatedBranch
{
    public static bool IsThere => true;
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

/// <summary>A thread's quads of a row, and the row's first element.</summary>
internal struct RowParts<TStored, TParts>
    where TStored : unmanaged, IStored<TStored, FloatQuad>
    where TParts : struct, IRowParts
{
    public RowPart<TStored> P0, P1, P2;
    public float Origin;

    public RowParts(ArrayView<TStored> row, int lane, int quads)
    {
        this.P0 = new(row, lane, quads);
        if (TParts.Value > 1)
        {
            this.P1 = new(row, lane + RowPart<TStored>.Quads, quads);
        }

        if (TParts.Value > 2)
        {
            this.P2 = new(row, lane + (2 * RowPart<TStored>.Quads), quads);
        }

        this.Origin = row[0].Value.X;
    }
}

/// <summary>GPU: a row is the registers of 32 threads, read from memory once; a group has a part of a sample's rows, eight at a time.</summary>
/// <remarks>
/// Their modulation waits in shared memory: read for each row it would double what multiprocessors read from the L2.
/// x, its modulation and y are stored as <typeparamref name="TStream"/>, h and o as <typeparamref name="TBranch"/>.
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
internal readonly struct LayerNormForwardTeams<TStream, TBranch, TParts, TGated>(
    Floats x, Floats gate, Floats o, Floats y, Floats shift, Floats scale, Floats h, Floats statistics, int xPitch, int gatePitch, int oPitch, int yPitch,
    int shiftPitch, int scalePitch, int hPitch, int columns, float share, LayerNormSplit split, int modulated) : IGroupKernel
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
    where TParts : struct, IRowParts
    where TGated : struct, IGatedBranch
{
    private const int Team = LayerNormTeams.Team;
    private const int Threads = LayerNormTeams.Teams * Team;
    private const int Most = 3 * RowPart<FloatQuad>.Quads;

    // As many as have registers for what is on their way.
    public static int GroupsPerProcessor =>
        !TGated.IsThere ? 4 : Interop.SizeOf<TStream>() < Interop.SizeOf<FloatQuad>() ? 3 : 2;

    public static int ThreadsPerGroup => Threads;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> factors = SharedMemory.Allocate<FloatQuad>(Most), shifts = SharedMemory.Allocate<FloatQuad>(Most);
        ArrayView<FloatQuad> gates = SharedMemory.Allocate<FloatQuad>(TGated.IsThere ? Most : 1);
        int sample = split.Sample(Grid.IdxX), first = split.First(Grid.IdxX, sample), count = split.Count(first);
        int lane = Group.IdxX % Team, quads = columns / 4, hStep = hPitch / 4;
        long begin = split.Row(sample, first);
        ArrayView<TStream> xs = TStream.Of(x).SubView(begin * xPitch / 4);
        ArrayView<TBranch> hs = TBranch.Of(h).SubView(begin * hPitch / 4);
        ArrayView<FloatPair> kept = FloatPair.Of(statistics).SubView(begin);
        ArrayView<TBranch> os = TBranch.Of(o).SubView(TGated.IsThere ? begin * oPitch / 4 : 0);
        ArrayView<TStream> ys = TStream.Of(y).SubView(TGated.IsThere ? begin * yPitch / 4 : 0);
        RowParts<TStream, TParts> now = Load<TStream>(xs, xPitch, 0, count, lane, quads);
        RowParts<TBranch, TParts> branch = default;
        if (TGated.IsThere)
        {
            branch = Load<TBranch>(os, oPitch, 0, count, lane, quads);
        }

        ArrayView<TStream> scaling = TStream.Of(scale).SubView(modulated != 0 ? (long)sample * scalePitch / 4 : 0);
        ArrayView<TStream> shifting = TStream.Of(shift).SubView(modulated != 0 ? (long)sample * shiftPitch / 4 : 0);
        for (int quad = Group.IdxX; quad < TParts.Value * RowPart<FloatQuad>.Quads; quad += Threads)
        {
            bool isModulated = modulated != 0 && quad < quads;
            factors[quad] = isModulated ? FloatQuad.Of(1f) + scaling[quad].Value : FloatQuad.Of(1f);
            shifts[quad] = isModulated ? shifting[quad].Value : default;
            if (TGated.IsThere)
            {
                gates[quad] = quad < quads ? TStream.Of(gate)[((long)sample * gatePitch / 4) + quad].Value : default;
            }
        }

        TPlatform.Barrier();
        for (int t = 0; t < count; t += LayerNormTeams.Teams)
        {
            RowPart<TStream> p0 = now.P0, p1 = now.P1, p2 = now.P2;
            int mine = t + (Group.IdxX / Team), row = mine < count ? mine : count - 1;

            // Differences from one element of the row keep their digits, however large the mean.
            float origin = now.Origin;
            if (TGated.IsThere)
            {
                origin += gates[0].X * branch.Origin;
                p0 = Add(p0, gates, branch.P0, lane);
                p1 = TParts.Value > 1 ? Add(p1, gates, branch.P1, lane + RowPart<TStream>.Quads) : p1;
                p2 = TParts.Value > 2 ? Add(p2, gates, branch.P2, lane + (2 * RowPart<TStream>.Quads)) : p2;
            }

            float sum = Sum(p0, lane, quads, origin);
            sum += TParts.Value > 1 ? Sum(p1, lane + RowPart<TStream>.Quads, quads, origin) : 0f;
            sum += TParts.Value > 2 ? Sum(p2, lane + (2 * RowPart<TStream>.Quads), quads, origin) : 0f;
            float mean = origin + (share * TPlatform.TeamSum(sum));
            float square = Square(p0, lane, quads, mean);
            square += TParts.Value > 1 ? Square(p1, lane + RowPart<TStream>.Quads, quads, mean) : 0f;
            square += TParts.Value > 2 ? Square(p2, lane + (2 * RowPart<TStream>.Quads), quads, mean) : 0f;
            float reciprocal = SpecialFunctions.ReciprocalRoot((share * TPlatform.TeamSum(square)) + LayerNorm.Epsilon);
            ArrayView<TBranch> to = hs.SubView(row * hStep);
            int stored = mine < count ? quads : 0;
            if (TGated.IsThere)
            {
                // Not before the sums, for which every thread has read its row: y may be x.
                ArrayView<TStream> stream = ys.SubView(row * (yPitch / 4));
                Keep(stream, p0, lane, stored);
                Keep(stream, p1, lane + RowPart<TStream>.Quads, TParts.Value > 1 ? stored : 0);
                Keep(stream, p2, lane + (2 * RowPart<TStream>.Quads), TParts.Value > 2 ? stored : 0);
            }

            Put(to, factors, shifts, p0, lane, stored, mean, reciprocal);
            if (TParts.Value > 1)
            {
                Put(to, factors, shifts, p1, lane + RowPart<TStream>.Quads, stored, mean, reciprocal);
            }

            if (TParts.Value > 2)
            {
                Put(to, factors, shifts, p2, lane + (2 * RowPart<TStream>.Quads), stored, mean, reciprocal);
            }

            if (lane < stored && lane == 0)
            {
                kept[row] = new(mean, reciprocal);
            }

            now = Load<TStream>(xs, xPitch, t + LayerNormTeams.Teams, count, lane, quads);
            if (TGated.IsThere)
            {
                branch = Load<TBranch>(os, oPitch, t + LayerNormTeams.Teams, count, lane, quads);
            }
        }
    }

    /// <summary>The team's row of some adjacent ones; beyond the last one that one again, for sums are taken together.</summary>
    private static RowParts<TStored, TParts> Load<TStored>(ArrayView<TStored> rows, int pitch, int t, int count, int lane, int quads)
        where TStored : unmanaged, IStored<TStored, FloatQuad>
    {
        int mine = t + (Group.IdxX / Team), row = mine < count ? mine : count - 1;
        return new(rows.SubView(row * (pitch / 4)), lane, t < count ? quads : 0);
    }

    private static RowPart<TStream> Add(RowPart<TStream> x, ArrayView<FloatQuad> gates, RowPart<TBranch> branch, int quad) => new()
    {
        A = TStream.From(FloatQuad.Fma(gates[quad], branch.A.Value, x.A.Value)),
        B = TStream.From(FloatQuad.Fma(gates[quad + Team], branch.B.Value, x.B.Value)),
        C = TStream.From(FloatQuad.Fma(gates[quad + (2 * Team)], branch.C.Value, x.C.Value)),
    };

    private static void Keep(ArrayView<TStream> to, RowPart<TStream> part, int quad, int quads)
    {
        if (quad < quads)
        {
            to[quad] = part.A;
        }

        if (quad + Team < quads)
        {
            to[quad + Team] = part.B;
        }

        if (quad + (2 * Team) < quads)
        {
            to[quad + (2 * Team)] = part.C;
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

    private static void Put(
        ArrayView<TBranch> to, ArrayView<FloatQuad> factors, ArrayView<FloatQuad> shifts, RowPart<TStream> part, int quad, int quads, float mean, float reciprocal)
    {
        Put(to, factors, shifts, part.A, quad, quads, mean, reciprocal);
        Put(to, factors, shifts, part.B, quad + Team, quads, mean, reciprocal);
        Put(to, factors, shifts, part.C, quad + (2 * Team), quads, mean, reciprocal);
    }

    private static void Put(
        ArrayView<TBranch> to, ArrayView<FloatQuad> factors, ArrayView<FloatQuad> shifts, TStream x, int quad, int quads, float mean, float reciprocal)
    {
        FloatQuad factor = factors[quad], shift = shifts[quad];
        TBranch y = TBranch.From(FloatQuad.Fma(reciprocal * (x.Value - FloatQuad.Of(mean)), factor, shift));
        if (quad < quads)
        {
            to[quad] = y;
        }
    }
}

/// <summary>The launches.</summary>
internal static class LayerNormTeams
{
    /// <summary>Threads of a row.</summary>
    public const int Team = 32;

    /// <summary>Rows that a group has in its registers, forward.</summary>
    public const int Teams = 8;

    /// <summary>Teams that share a row, backward.</summary>
    public const int BackwardTeams = 3;

    /// <summary>
    /// Whether the rows of every tensor fit the registers, four columns at a time, and the others are stored as x is;
    /// the branch may be stored otherwise.
    /// </summary>
    public static bool Fits(Device device, Tensor x, Tensor branch, params ReadOnlySpan<Tensor> others) =>
        x.Columns <= 3 * RowPart<FloatQuad>.Columns && Stored.IsMixed(device, x, branch, others);

    /// <summary>Adds up what the parts of each sample have left.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="sums">Shift and scale side by side, (samples · parts, 2 · columns).</param>
    /// <param name="gates">The gate, (samples · parts, columns); whatever else where there is none.</param>
    /// <param name="parts">Parts of a sample.</param>
    /// <param name="dshift">Receives the shift; null where not wanted.</param>
    /// <param name="dscale">Receives the scale; null where not wanted.</param>
    /// <param name="dgate">Receives the gate; null where not wanted.</param>
    public static void Fold(Device device, Tensor sums, Tensor gates, int parts, Sink? dshift, Sink? dscale, Sink? dgate)
    {
        const int mostSamples = 65535;
        int columns = sums.Columns / 2, quads = dgate is null ? columns / 2 : columns / 4 * 3;
        long samples = sums.Rows / parts;
        if (parts > LayerNormFold.MostParts || samples > mostSamples || !IsQuad(dshift) || !IsQuad(dscale) || !IsQuad(dgate))
        {
            ColumnSum.Fold(device, sums, parts, dshift, dscale, columns);
            if (dgate is { } sink)
            {
                ColumnSum.Fold(device, gates, parts, sink);
            }

            return;
        }

        device.Groups(
            new LayerNormFold(
                sums.Memory, gates.Memory, Target.Of(dshift, sums), Target.Of(dscale, sums), Target.Of(dgate, sums), columns, quads, parts),
            new((quads + LayerNormFold.Threads - 1) / LayerNormFold.Threads, (int)samples, 1), LayerNormFold.Threads);
    }

    private static bool IsQuad(Sink? to) => to is not { } sink || Stored.IsAligned(sink.Tensor, 4);

    public static void Launch<TKernel>(Device device, TKernel kernel, long groups, int teams)
        where TKernel : struct, IGroupKernel => device.Groups(kernel, new(checked((int)groups), 1, 1), Team * teams);
}
