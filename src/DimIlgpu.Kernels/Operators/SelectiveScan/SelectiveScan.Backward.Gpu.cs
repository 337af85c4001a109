using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a group is a strip and 128 or 96 of its channels; a thread has four states of four or three channels.</summary>
/// <remarks>
/// <para>
/// A segment of 16 tokens runs forward once, to keep the state before each four tokens, and then back, four tokens at a
/// time: their decays and states are computed again and stay in registers until the adjoint has passed. That is seven 2^x
/// to four tokens of a state.
/// </para>
/// <para>
/// All that a warp's channels need meets within it, and it waits for no other: the four states' sums for du and dΔ, and dB
/// and dC, which a thread adds over its channels as it goes and the warp over eight threads. Its threads, or with three
/// channels three in four of them, also own one token in four of four adjacent channels, which they load ahead, and whose du
/// and dΔ they store. The group meets twice in a segment: for B and C, which its warps share, and to add up their dB and dC.
/// </para>
/// <para>
/// Four channels a thread take the fewest instructions a state. Three such groups share a multiprocessor; where that leaves
/// many with fewer, groups of three channels a thread may fill them better. One channel a thread takes 29 KB of shared memory
/// where the others take 42 and 48: for devices that have less.
/// </para>
/// </remarks>
[KernelInstance(typeof(Float32Fours), typeof(FourChannels))]
[KernelInstance(typeof(Float32Fours), typeof(ThreeChannels))]
[KernelInstance(typeof(Float32Ones), typeof(FourChannels))]
[KernelInstance(typeof(Float32Ones), typeof(ThreeChannels))]
[KernelInstance(typeof(Float32Ones), typeof(OneChannel))]
[KernelInstance(typeof(BFloat16Fours), typeof(FourChannels))]
[KernelInstance(typeof(BFloat16Fours), typeof(ThreeChannels))]
[KernelInstance(typeof(BFloat16Ones), typeof(FourChannels))]
[KernelInstance(typeof(BFloat16Ones), typeof(ThreeChannels))]
[KernelInstance(typeof(BFloat16Ones), typeof(OneChannel))]
internal readonly struct ScanBackwardGroups<TFour, TWidth>(ScanAdjoint s, Floats scratch, int first, int blocks) : IGroupKernel
    where TFour : struct, IFour
    where TWidth : struct, IScanWidth
{
    private const int Threads = ScanGroup.Threads;
    private const int Warps = Threads / 32;
    private const int Block = 4;
    private const int Tile = ScanGroup.Tile;
    private const float Ln2 = 0.693147181f;

    /// <summary>Blocks of a segment. The kernel is told, for loops that ptxas unrolled would take its registers.</summary>
    public const int Blocks = Tile / Block;

    /// <summary>Channels of a group, over which dB and dC are summed before partial sums are written.</summary>
    public static int Channels => Warps * Lanes;

    /// <summary>Floats of scratch memory of a group.</summary>
    public static int ScratchLength => (Sums + (Warps * Tile * 8)) * 4;

    private static int Lanes => ScanColumns<TFour, TWidth>.Lanes;

    // Shared memory of a warp: Δ and u of four tokens by block and channel, dy of four tokens, and where sums meet. Then B
    // and C of the group by token, and of each thread dA and what it needs once in a segment, which would take registers.
    private static int Dy => Tile / Block * 2 * Lanes;

    private static int Meeting => Dy + Lanes;

    private static int OfWarp => Meeting + ScanSums.Length;

    private static int Rates => Warps * OfWarp;

    private static int Slope => Rates + (8 * Tile);

    private static int Places => Slope + (TWidth.Channels * Threads);

    // Scratch memory: the states before each block by block, channel of the thread and thread; D, dD and
    // two places; dB and dC by warp.
    private static int Skip => Tile / Block * TWidth.Channels * Threads;

    private static int Sums => Skip + (3 * Threads);

    public static int GroupsPerProcessor => TFour.IsByFour ? 3 : 2;

    public static int ThreadsPerGroup => Threads;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> memory = SharedMemory.Allocate<FloatQuad>(Places + Threads);
        ScanLayout l = s.View.Layout;
        ScanPlace place = new(l, Grid.IdxY, Grid.IdxZ);
        int thread = Group.IdxX, lane = thread % 32, warp = thread / 32, quad = lane / 8, slot = lane % 8, e = l.Channels;
        int column = (Grid.IdxX * Channels) + (warp * Lanes);
        ArrayView<FloatQuad> held = scratch.View.Cast<FloatQuad>().SubView(
            ((place.Strip * Grid.DimX) + Grid.IdxX) * (ScratchLength / 4));

        // Views that start where this thread reads and writes: what is added to them below is constant.
        ArrayView<FloatQuad> mine = memory.SubView((warp * OfWarp) + slot), rates = memory.SubView(Rates + quad);
        ArrayView<FloatQuad> sent = memory.SubView((warp * OfWarp) + Meeting + (quad * Lanes) + slot);
        ArrayView<FloatQuad> sentRates = memory.SubView((warp * OfWarp) + Meeting + (quad * ScanSums.Pitch) + slot);
        ArrayView<FloatQuad> metRates = memory.SubView((warp * OfWarp) + Meeting + (lane * ScanSums.Pitch));
        ArrayView<FloatQuad> slopes = memory.SubView(Slope + thread), kept = held.SubView(thread);

        // The threads that own none share nothing and store nothing.
        bool owns = TWidth.Channels == 4 || slot < Lanes / 4;
        ArrayView<float> own = memory.Cast<float>().SubView((((warp * OfWarp) + (owns ? slot : 0)) * 4) + quad);

        // Long where the whole group agrees, so that threads need not remember it.
        long flow = place.Strip * l.States * e;
        int last = (place.Length - 1) / Tile * Tile;
        ScanOwner<TFour, TWidth> owner = new(s, place, column + (4 * slot), quad, first, owns);
        ScanSharer<TFour> sharer = new(s.View, place, thread, first);
        ScanColumns<TFour, TWidth> columns = new(l, column, slot, first + (4 * quad));
        ArrayView<int> places = memory.SubView(Places + thread).Cast<int>();
        columns.Keep(places);
        ArrayView<long> starts = held.SubView(Skip + (2 * Threads) + thread).Cast<long>();
        sharer.Keep(places, starts);
        starts[1] = place.Strip;
        ScanStates<TWidth> a = columns.Load(s.View.A, (long)place.Direction * l.States * e, true);
        ScanStates<TWidth> g = columns.Load(s.Incoming, flow, place.Begin + place.Length < l.Tokens);
        ScanStates<TWidth> h = columns.Load(s.Checkpoints, place.Kept(l, last), place.Begin + last > 0);
        default(ScanStates<TWidth>).Keep(slopes);
        kept[Skip] = owner.LoadD(place, column + (4 * slot));
        kept[Skip + Threads] = default;
        memory.SubView(Rates)[thread] = TFour.Widen(sharer.Load(last));
        for (int block = 0; block < blocks; block++)
        {
            owner.Load(last + (block * Block), last + (block * Block));
            owner.Share(own.SubView(block * 8 * Lanes), own.SubView(4 * Dy));
        }

        TPlatform.Barrier();
        for (int p = last; p >= 0; p -= Tile)
        {
            int before = p > 0 ? p - Tile : 0;
            h.Keep(kept);
            for (int block = 0; block < blocks - 1; block++)
            {
                ArrayView<FloatQuad> tokens = mine.SubView(block * 2 * Lanes), shared = rates.SubView(block * 8 * Block);
                Advance(tokens, 0, shared, a.P0, ref h.P0);
                if (TWidth.Channels > 1)
                {
                    Advance(tokens, 8, shared, a.P1, ref h.P1);
                }

                if (TWidth.Channels > 2)
                {
                    Advance(tokens, 16, shared, a.P2, ref h.P2);
                }

                if (TWidth.Channels > 3)
                {
                    Advance(tokens, 24, shared, a.P3, ref h.P3);
                }

                h.Keep(kept.SubView((block + 1) * TWidth.Channels * Threads));
            }

            for (int block = blocks - 1; block >= 0; block--)
            {
                ArrayView<FloatQuad> tokens = mine.SubView(block * 2 * Lanes);
                ArrayView<FloatQuad> shared = rates.SubView(block * 8 * Block), states = kept.SubView(block * TWidth.Channels * Threads);
                ScanSums sums = default;
                FloatQuad state = states[0], next = TWidth.Channels > 1 ? states[Threads] : default;
                Return(tokens, 0, mine[Dy], shared, sent, state, a.P0, ref g.P0, slopes, ref sums);
                state = TWidth.Channels > 2 ? states[2 * Threads] : default;

                // Always so: a branch that ptxas cannot foresee keeps it from weaving the channels together, which would spill.
                if (TWidth.Channels > 1 && blocks > 0)
                {
                    Return(tokens, 8, mine[Dy + 8], shared, sent, next, a.P1, ref g.P1, slopes, ref sums);
                }

                next = TWidth.Channels > 3 ? states[3 * Threads] : default;
                if (TWidth.Channels > 2 && blocks > 0)
                {
                    Return(tokens, 16, mine[Dy + 16], shared, sent, state, a.P2, ref g.P2, slopes, ref sums);
                }

                if (TWidth.Channels > 3 && blocks > 0)
                {
                    Return(tokens, 24, mine[Dy + 24], shared, sent, next, a.P3, ref g.P3, slopes, ref sums);
                }

                // Under way while sums meet: any earlier they would take registers from what is above.
                // What is loaded after the first tokens of all is not used; without a branch there are fewer paths to compile.
                owner.Load(before + (block * Block), block > 0 ? p + ((block - 1) * Block) : before + Tile - Block);
                TPlatform.WarpBarrier();
                owner.Store(p + (block * Block), own.SubView(block * 8 * Lanes), own.SubView(4 * Dy), own.SubView(4 * Meeting), kept.SubView(Skip));
                TPlatform.WarpBarrier();
                sums.Share(sentRates);
                owner.Share(own.SubView(block * 8 * Lanes), own.SubView(4 * Dy));
                TPlatform.WarpBarrier();
                held.SubView(Sums + (warp * 8 * Tile) + lane)[block * 32] = ScanSums.AddLanes(metRates);
                TPlatform.WarpBarrier();
            }

            WordQuad rate = sharer.Kept(places, starts).Load(before);
            h = ScanColumns<TFour, TWidth>.Kept(l, places).Load(s.Checkpoints, place.Kept(l, before), place.Begin + before > 0);
            TPlatform.Barrier();
            memory.SubView(Rates)[thread] = TFour.Widen(rate);
            this.StoreRates(place, p, held.SubView(Sums + thread), thread);
            TPlatform.Barrier();
        }

        sent[0] = kept[Skip + Threads];
        TPlatform.WarpBarrier();
        if (quad == 0 && first == 0)
        {
            FloatQuad sum = sent[0] + sent[Lanes] + sent[2 * Lanes] + sent[3 * Lanes];

            // From registers or from memory, whichever lets ptxas keep the rest in registers.
            if (TWidth.Channels == 4)
            {
                TFour.StoreFloats(s.DD, (starts[1] * e) + column + (4 * slot), e - column - (4 * slot), sum);
            }
            else
            {
                int at = Group.IdxX % 8 * 4, count = at < Lanes ? places[1] - at : 0;
                TFour.StoreFloats(s.DD, (starts[1] * l.Channels) + places[0] + at, count, sum);
            }
        }

        ScanColumns<TFour, TWidth>.Kept(l, places).Store(s.DA, starts[1] * l.States * (TWidth.Channels == 4 ? e : l.Channels), ScanStates<TWidth>.Kept(slopes).Times(a, Ln2));
    }

    /// <summary>Four tokens of one of the thread's channels forward.</summary>
    private static void Advance(ArrayView<FloatQuad> tokens, int channel, ArrayView<FloatQuad> rates, FloatQuad a, ref FloatQuad h)
    {
        FloatQuad dt = tokens[channel], x = dt * tokens[Lanes + channel];
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.X, a), h, x.X * rates[0]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.Y, a), h, x.Y * rates[8]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.Z, a), h, x.Z * rates[16]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.W, a), h, x.W * rates[24]);
    }

    /// <summary>Four tokens of one of the thread's channels: forward from the state kept, and back.</summary>
    private static void Return(
        ArrayView<FloatQuad> tokens, int channel, FloatQuad dy, ArrayView<FloatQuad> rates, ArrayView<FloatQuad> sent, FloatQuad h,
        FloatQuad a, ref FloatQuad g, ArrayView<FloatQuad> slope, ref ScanSums sums)
    {
        FloatQuad dt = tokens[channel], x = dt * tokens[Lanes + channel];
        FloatQuad decay0 = FloatQuad.Exp2(dt.X, a), decay1 = FloatQuad.Exp2(dt.Y, a);
        FloatQuad decay2 = FloatQuad.Exp2(dt.Z, a), decay3 = FloatQuad.Exp2(dt.W, a);
        FloatQuad h0 = FloatQuad.Fma(decay0, h, x.X * rates[0]);
        FloatQuad h1 = FloatQuad.Fma(decay1, h0, x.Y * rates[8]);
        FloatQuad h2 = FloatQuad.Fma(decay2, h1, x.Z * rates[16]);
        FloatQuad h3 = FloatQuad.Fma(decay3, h2, x.W * rates[24]);

        FloatQuad dA = slope[channel / 8 * Threads], dx = default, slopes = default;
        Token(dt.W, x.W, dy.W, rates[24], rates[28], a, decay3, h2, h3, ref g, ref dA, ref sums.B3, ref sums.C3, ref dx.W, ref slopes.W);
        Token(dt.Z, x.Z, dy.Z, rates[16], rates[20], a, decay2, h1, h2, ref g, ref dA, ref sums.B2, ref sums.C2, ref dx.Z, ref slopes.Z);
        Token(dt.Y, x.Y, dy.Y, rates[8], rates[12], a, decay1, h0, h1, ref g, ref dA, ref sums.B1, ref sums.C1, ref dx.Y, ref slopes.Y);
        Token(dt.X, x.X, dy.X, rates[0], rates[4], a, decay0, h, h0, ref g, ref dA, ref sums.B0, ref sums.C0, ref dx.X, ref slopes.X);
        slope[channel / 8 * Threads] = dA;
        sent[channel] = dx;
        sent[(4 * Lanes) + channel] = slopes;
    }

    private static void Token(
        float dt, float x, float dy, FloatQuad b, FloatQuad c, FloatQuad a, FloatQuad decay, FloatQuad before, FloatQuad after,
        ref FloatQuad g, ref FloatQuad dA, ref FloatQuad dB, ref FloatQuad dC, ref float dx, ref float slopes)
    {
        g = FloatQuad.Fma(dy, c, g);
        dB = FloatQuad.Fma(x, g, dB);
        dC = FloatQuad.Fma(dy, after, dC);
        dx = FloatQuad.Dot(g, b);
        g = decay * g;
        FloatQuad slope = g * before;
        dA = FloatQuad.Fma(dt, slope, dA);
        slopes = FloatQuad.Dot(slope, a);
    }

    private void StoreRates(ScanPlace place, int p, ArrayView<FloatQuad> ofWarps, int thread)
    {
        // The same places as ScanSums: token, B or C, states.
        int token = p + (thread / 8), state = first + (thread % 4 * 4), n = s.View.Layout.States;
        FloatQuad sum = ofWarps[0] + ofWarps[8 * Tile] + ofWarps[16 * Tile] + ofWarps[24 * Tile];
        if (token < place.Length && state < n)
        {
            long at = ((place.Row(token) * Grid.DimX) + Grid.IdxX) * n;
            if (thread % 8 < 4)
            {
                s.DB.View.Cast<FloatQuad>()[(at + state) / 4] = sum;
            }
            else
            {
                s.DC.View.Cast<FloatQuad>()[(at + state) / 4] = sum;
            }
        }
    }
}

/// <summary>Four states of a thread's channels; those beyond their number are never written and take no register.</summary>
internal struct ScanStates<TWidth>
    where TWidth : struct, IScanWidth
{
    public FloatQuad P0, P1, P2, P3;

    /// <summary>Writes them to a thread's place in memory of a group.</summary>
    public readonly void Keep(ArrayView<FloatQuad> kept)
    {
        kept[0] = this.P0;
        if (TWidth.Channels > 1)
        {
            kept[ScanGroup.Threads] = this.P1;
        }

        if (TWidth.Channels > 2)
        {
            kept[2 * ScanGroup.Threads] = this.P2;
        }

        if (TWidth.Channels > 3)
        {
            kept[3 * ScanGroup.Threads] = this.P3;
        }
    }

    /// <summary>Reads what <see cref="Keep"/> wrote.</summary>
    public static ScanStates<TWidth> Kept(ArrayView<FloatQuad> kept) => new()
    {
        P0 = kept[0],
        P1 = TWidth.Channels > 1 ? kept[ScanGroup.Threads] : default,
        P2 = TWidth.Channels > 2 ? kept[2 * ScanGroup.Threads] : default,
        P3 = TWidth.Channels > 3 ? kept[3 * ScanGroup.Threads] : default,
    };

    /// <summary>Element by element, by <paramref name="other"/> and a factor.</summary>
    public readonly ScanStates<TWidth> Times(ScanStates<TWidth> other, float factor) => new()
    {
        P0 = factor * (this.P0 * other.P0),
        P1 = factor * (this.P1 * other.P1),
        P2 = factor * (this.P2 * other.P2),
        P3 = factor * (this.P3 * other.P3),
    };
}

/// <summary>Where <see cref="ScanStates{TWidth}"/> of a thread are in an (N, E) matrix.</summary>
/// <remarks>
/// In shared memory, the channels of a warp stand in the order that lets owners write four of them without meeting in a bank:
/// with W channels a thread, place s + 2Wj is channel 4s + j. Thread t of eight computes places t, t + 8, …
/// </remarks>
internal readonly struct ScanColumns<TFour, TWidth>
    where TFour : struct, IFour
    where TWidth : struct, IScanWidth
{
    private readonly int pitch;
    private readonly int start;
    private readonly int count;
    private readonly int slot;

    /// <param name="l">The sizes.</param>
    /// <param name="column">The first channel of the warp.</param>
    /// <param name="slot">Which of eight threads.</param>
    /// <param name="state">The first of the states.</param>
    public ScanColumns(ScanLayout l, int column, int slot, int state)
        : this(l.Channels, (state * l.Channels) + column, state < l.States ? l.Channels - column : 0, slot)
    {
    }

    private ScanColumns(int pitch, int start, int count, int slot) =>
        (this.pitch, this.start, this.count, this.slot) = (pitch, start, count, slot);

    /// <summary>Channels of a warp.</summary>
    public static int Lanes => 8 * TWidth.Channels;

    /// <summary>Reads what <see cref="Keep"/> wrote.</summary>
    public static ScanColumns<TFour, TWidth> Kept(ScanLayout l, ArrayView<int> kept) => new(l.Channels, kept[0], kept[1], Group.IdxX % 8);

    /// <summary>Writes it to memory of the thread.</summary>
    public void Keep(ArrayView<int> kept)
    {
        kept[0] = this.start;
        kept[1] = this.count;
    }

    public ScanStates<TWidth> Load(Floats memory, long from, bool any)
    {
        int there = any ? this.count : 0;
        if (TWidth.Channels == 4)
        {
            long at = from + this.start + (4 * this.slot);
            int adjacent = there - (4 * this.slot);
            FloatQuad x = TFour.LoadFloats(memory, at, adjacent), y = TFour.LoadFloats(memory, at + this.pitch, adjacent);
            FloatQuad z = TFour.LoadFloats(memory, at + (2 * this.pitch), adjacent), w = TFour.LoadFloats(memory, at + (3 * this.pitch), adjacent);
            return new()
            {
                P0 = new(x.X, y.X, z.X, w.X),
                P1 = new(x.Y, y.Y, z.Y, w.Y),
                P2 = new(x.Z, y.Z, z.Z, w.Z),
                P3 = new(x.W, y.W, z.W, w.W),
            };
        }

        return new()
        {
            P0 = this.Load(memory, from, 0, there),
            P1 = this.Load(memory, from, 1, there),
            P2 = this.Load(memory, from, 2, there),
            P3 = this.Load(memory, from, 3, there),
        };
    }

    public void Store(Floats memory, long from, ScanStates<TWidth> v)
    {
        this.Store(memory, from, 0, v.P0);
        this.Store(memory, from, 1, v.P1);
        this.Store(memory, from, 2, v.P2);
        this.Store(memory, from, 3, v.P3);
    }

    private int Channel(int part)
    {
        int at = this.slot + (8 * part);
        return (4 * (at % (Lanes / 4))) + (at / (Lanes / 4));
    }

    private FloatQuad Load(Floats memory, long from, int part, int there)
    {
        FloatQuad q = default;
        if (part < TWidth.Channels && this.Channel(part) < there)
        {
            q = FloatQuad.Load(memory, from + this.start + this.Channel(part), this.pitch);
        }

        return q;
    }

    private void Store(Floats memory, long from, int part, FloatQuad value)
    {
        if (part < TWidth.Channels && this.Channel(part) < this.count)
        {
            FloatQuad.Store(memory, from + this.start + this.Channel(part), this.pitch, value);
        }
    }
}

/// <summary>A thread's sums of dB and dC over its channels: four tokens, four states.</summary>
internal struct ScanSums
{
    /// <summary>From one place to the next where they meet: odd, so that neither writers nor readers meet in a bank.</summary>
    public const int Pitch = 9;

    /// <summary>Places of a warp, each with a value of eight threads.</summary>
    public const int Length = 32 * Pitch;

    public FloatQuad B0, B1, B2, B3, C0, C1, C2, C3;

    /// <summary>Lays them out by token, B or C, states and thread.</summary>
    public readonly void Share(ArrayView<FloatQuad> sent)
    {
        sent[0] = this.B0;
        sent[4 * Pitch] = this.C0;
        sent[8 * Pitch] = this.B1;
        sent[12 * Pitch] = this.C1;
        sent[16 * Pitch] = this.B2;
        sent[20 * Pitch] = this.C2;
        sent[24 * Pitch] = this.B3;
        sent[28 * Pitch] = this.C3;
    }

    /// <summary>The sum over eight threads of one place.</summary>
    public static FloatQuad AddLanes(ArrayView<FloatQuad> place) =>
        (place[0] + place[1] + (place[2] + place[3])) + (place[4] + place[5] + (place[6] + place[7]));
}

/// <summary>A thread of the backward pass as owner of one token in four, of four adjacent channels.</summary>
internal struct ScanOwner<TFour, TWidth>
    where TFour : struct, IFour
    where TWidth : struct, IScanWidth
{
    private const float Ln2 = 0.693147181f;

    private WordQuad u;
    private WordQuad delta;
    private WordQuad dy;

    private readonly ScanAdjoint s;
    private readonly long start;
    private readonly int step;
    private readonly int length;
    private readonly int count;
    private readonly int first;

    /// <param name="s">What is read and written.</param>
    /// <param name="place">The strip.</param>
    /// <param name="column">The first of the channels.</param>
    /// <param name="token">The token, counted from the first of four.</param>
    /// <param name="first">The first of the 16 states that run.</param>
    /// <param name="owns">Whether the thread owns any.</param>
    public ScanOwner(ScanAdjoint s, ScanPlace place, int column, int token, int first, bool owns)
    {
        int e = s.View.Layout.Channels;
        this.u = default;
        this.delta = default;
        this.dy = default;
        this.s = s;
        this.start = (place.Row(token) * e) + column;
        this.step = (int)place.Stride * e;
        this.length = place.Length - token;
        this.count = owns ? e - column : int.MinValue;
        this.first = first;
    }

    /// <summary>Loads Δ and u of one of four tokens, and dy of one, ahead of their use; zeros beyond the end change no sum.</summary>
    public void Load(int p, int pOfDy)
    {
        long at = this.At(p);
        this.u = TFour.Load(this.s.View.U, at, this.Count(p));
        this.delta = TFour.Load(this.s.View.Delta, at, this.Count(p));
        this.dy = TFour.Load(this.s.Dy, this.At(pOfDy), this.Count(pOfDy));
    }

    /// <summary>D of the channels, which the states before these added to du already.</summary>
    public readonly FloatQuad LoadD(ScanPlace place, int column)
    {
        int count = this.first == 0 ? this.count : 0;
        long at = ((long)place.Direction * this.s.View.Layout.Channels) + column;
        return new(
            count > 0 ? ThreadLane.Read(this.s.View.D, at) : 0f, count > 1 ? ThreadLane.Read(this.s.View.D, at + 1) : 0f,
            count > 2 ? ThreadLane.Read(this.s.View.D, at + 2) : 0f, count > 3 ? ThreadLane.Read(this.s.View.D, at + 3) : 0f);
    }

    /// <summary>Hands what was loaded to the warp, where four tokens of a channel are one element.</summary>
    public readonly void Share(ArrayView<float> tokens, ArrayView<float> dys)
    {
        if (TWidth.Channels != 4 && this.count == int.MinValue)
        {
            return;
        }

        Put(tokens, 0, TFour.Widen(this.delta));
        Put(tokens, 4 * Lanes, TFour.Widen(this.u));
        Put(dys, 0, TFour.Widen(this.dy));
    }

    /// <summary>du and dΔ of the token, from the sums of four states each that met.</summary>
    public readonly void Store(int p, ArrayView<float> tokens, ArrayView<float> dys, ArrayView<float> met, ArrayView<FloatQuad> skip)
    {
        FloatQuad dt = Get(tokens, 0), ut = Get(tokens, 4 * Lanes), dyt = Get(dys, 0);
        FloatQuad dx = Get(met, 0) + Get(met, 4 * Lanes) + Get(met, 8 * Lanes) + Get(met, 12 * Lanes);
        FloatQuad slopes = Get(met, 16 * Lanes) + Get(met, 20 * Lanes) + Get(met, 24 * Lanes) + Get(met, 28 * Lanes);
        FloatQuad d = skip[0];
        skip[ScanGroup.Threads] = FloatQuad.Fma(dyt, ut, skip[ScanGroup.Threads]);
        this.Store(this.s.Du, p, FloatQuad.Fma(d, dyt, dt * dx), (this.s.AddU | this.first) != 0);
        this.Store(this.s.DDelta, p, FloatQuad.Fma(ut, dx, Ln2 * slopes), (this.s.AddDelta | this.first) != 0);
    }

    private static void Put(ArrayView<float> slots, int at, FloatQuad value)
    {
        slots[at] = value.X;
        slots[at + Lanes] = value.Y;
        slots[at + (2 * Lanes)] = value.Z;
        slots[at + (3 * Lanes)] = value.W;
    }

    private static FloatQuad Get(ArrayView<float> slots, int at) =>
        new(slots[at], slots[at + Lanes], slots[at + (2 * Lanes)], slots[at + (3 * Lanes)]);

    // Floats from one of the owner's four channels to the next.
    private static int Lanes => ScanColumns<TFour, TWidth>.Lanes;

    private readonly long At(int p) => this.start + ((long)p * this.step);

    private readonly int Count(int p) => p < this.length ? this.count : 0;

    private readonly void Store(Floats memory, int p, FloatQuad value, bool add)
    {
        if (add)
        {
            value += TFour.Widen(TFour.Load(memory, this.At(p), this.Count(p)));
        }

        TFour.Store(memory, this.At(p), this.Count(p), value);
    }
}

/// <summary>A thread of the backward pass as the one that loads four states of B or C of one token of a segment.</summary>
internal readonly struct ScanSharer<TFour>
    where TFour : struct, IFour
{
    private readonly Floats memory;
    private readonly long start;
    private readonly int step;
    private readonly int length;

    private ScanSharer(Floats memory, long start, int step, int length) =>
        (this.memory, this.start, this.step, this.length) = (memory, start, step, length);

    public ScanSharer(ScanView view, ScanPlace place, int thread, int first)
    {
        // The places where the group reads them: token, B or C, states.
        bool isC = thread % 8 >= 4;
        int token = thread / 8, state = first + (thread % 4 * 4), pitch = isC ? view.CPitch : view.BPitch;
        this.memory = isC ? view.C : view.B;
        this.start = (place.Row(token) * pitch) + state;
        this.step = (int)place.Stride * pitch;
        this.length = state < view.Layout.States ? place.Length - token : 0;
    }

    /// <summary>Writes a part of it to memory of the thread.</summary>
    public void Keep(ArrayView<int> kept, ArrayView<long> starts)
    {
        starts[0] = this.start;
        kept[2] = this.step;
        kept[3] = this.length;
    }

    /// <summary>The same with that part read.</summary>
    public ScanSharer<TFour> Kept(ArrayView<int> kept, ArrayView<long> starts) => new(this.memory, starts[0], kept[2], kept[3]);

    /// <summary>Those of the segment at <paramref name="p"/>; 0 beyond the end and the states.</summary>
    public WordQuad Load(int p) => TFour.Load(this.memory, this.start + ((long)p * this.step), p < this.length ? 4 : 0);
}
