using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a group is a strip and 128 of its channels, a warp 32 of them; a thread has four states of four channels.</summary>
/// <remarks>
/// <para>
/// A segment of 16 tokens runs forward once, to keep the state before each four tokens, and then back, four tokens at a
/// time: their decays and states are computed again and stay in registers until the adjoint has passed. That is seven 2^x
/// to four tokens of a state.
/// </para>
/// <para>
/// All that 32 channels need meets within one warp, which then waits for no other: the four states' sums for du and dΔ, and
/// dB and dC, which a thread adds over its four channels as it goes and the warp over eight threads. A thread is also the
/// owner of one channel, whose tokens it loads ahead, and whose du and dΔ it stores. The group meets twice in a segment: for
/// B and C, which its warps share, and to add up their dB and dC.
/// </para>
/// </remarks>
[KernelInstance(typeof(Float32Element))]
[KernelInstance(typeof(BFloat16Element))]
internal readonly struct ScanBackwardGroups<TElement>(ScanAdjoint s, Floats scratch, int first, int blocks) : IGroupKernel
    where TElement : struct, IElement
{
    private const int Channels = SelectiveScan.ChannelsPerGroup;
    private const int Lanes = 32;
    private const int Warps = Channels / Lanes;
    private const int Block = 4;
    private const int Tile = ScanGroup.Tile;
    private const float Ln2 = 0.693147181f;

    // Shared memory of a warp: Δ and u of four tokens by block and channel, dy of four tokens, and where sums meet. Then B
    // and C of the group by token.
    private const int Dy = Tile / Block * 2 * Lanes;
    private const int Meeting = Dy + Lanes;
    private const int OfWarp = Meeting + ScanSums.Length;
    private const int Rates = Warps * OfWarp;

    // Scratch memory: the states before each block by block, channel of the thread and thread; dA, which would take registers;
    // dB and dC by warp.
    private const int Parts = 4;
    private const int Slope = Tile / Block * Parts * Channels;
    private const int Sums = Slope + (Parts * Channels);

    /// <summary>Blocks of a segment. The kernel is told, for loops that ptxas unrolled would take its registers.</summary>
    public const int Blocks = Tile / Block;

    /// <summary>Floats of scratch memory of a group.</summary>
    public const int ScratchLength = (Sums + (Warps * Tile * 8)) * 4;

    public static int GroupsPerProcessor => 3;

    public static int ThreadsPerGroup => Channels;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> memory = SharedMemory.Allocate<FloatQuad>(Rates + (8 * Tile));
        ScanLayout l = s.View.Layout;
        ScanPlace place = new(l, Grid.IdxY, Grid.IdxZ);
        int thread = Group.IdxX, lane = thread % Lanes, warp = thread / Lanes, quad = lane / 8, e = l.Channels;
        int state = first + (4 * quad), column = (Grid.IdxX * Channels) + (warp * Lanes) + (lane % 8);
        bool hasStates = state < l.States;
        ArrayView<FloatQuad> held = scratch.View.Cast<FloatQuad>().SubView(
            ((place.Strip * Grid.DimX) + Grid.IdxX) * (ScratchLength / 4));
        ScanOwner<TElement> owner = new(s, place, first);
        ScanRates<TElement> rateRows = new(s.View, place, token: thread / 8, isC: thread % 8 >= 4, first + (thread % 4 * 4), isReturn: false);

        // Views that start where this thread reads and writes: what is added to them below is constant.
        ArrayView<FloatQuad> own = memory.SubView((warp * OfWarp) + lane), mine = memory.SubView((warp * OfWarp) + (lane % 8));
        ArrayView<FloatQuad> rates = memory.SubView(Rates + quad), kept = held.SubView(thread);
        ArrayView<FloatQuad> sent = memory.SubView((warp * OfWarp) + Meeting + (quad * Lanes) + (lane % 8)), met = own.SubView(Meeting);
        ArrayView<FloatQuad> sentRates = memory.SubView((warp * OfWarp) + Meeting + (quad * ScanSums.Pitch) + (lane % 8));
        ArrayView<FloatQuad> metRates = memory.SubView((warp * OfWarp) + Meeting + (lane * ScanSums.Pitch));

        // Long where the whole group agrees, so that threads need not remember it.
        long flow = place.Strip * l.States * e;
        int last = (place.Length - 1) / Tile * Tile;
        ScanQuads columns = new(column, e, state, hasStates);
        ScanStates a = columns.Load(s.View.A, (long)place.Direction * l.States * e, true);
        ScanStates g = columns.Load(s.Incoming, flow, place.Begin + place.Length < l.Tokens);
        ScanStates h = columns.Load(s.Checkpoints, place.Kept(l, last), place.Begin + last > 0);
        default(ScanStates).Keep(kept.SubView(Slope));
        memory.SubView(Rates)[thread] = rateRows.Load(last, rateRows.Start + ((long)last * rateRows.Step));
        for (int block = 0; block < blocks; block++)
        {
            owner.Load(last + (block * Block), last + (block * Block));
            owner.Share(own.SubView(block * 2 * Lanes), own.SubView(Dy));
        }

        TPlatform.Barrier();
        for (int p = last; p >= 0; p -= Tile)
        {
            int before = p > 0 ? p - Tile : 0;
            h.Keep(kept);
            for (int block = 0; block < blocks - 1; block++)
            {
                ArrayView<FloatQuad> tokens = mine.SubView(block * 2 * Lanes), shared = rates.SubView(block * 8 * Block);
                Advance(tokens, shared, a.P0, ref h.P0);
                Advance(tokens.SubView(8), shared, a.P1, ref h.P1);
                Advance(tokens.SubView(16), shared, a.P2, ref h.P2);
                Advance(tokens.SubView(24), shared, a.P3, ref h.P3);
                h.Keep(kept.SubView((block + 1) * Parts * Channels));
            }

            FloatQuad rate = rateRows.Load(before, rateRows.Start + ((long)before * rateRows.Step));
            for (int block = blocks - 1; block >= 0; block--)
            {
                ArrayView<FloatQuad> tokens = mine.SubView(block * 2 * Lanes), dy = mine.SubView(Dy);
                ArrayView<FloatQuad> shared = rates.SubView(block * 8 * Block), states = kept.SubView(block * Parts * Channels);
                ScanSums sums = default;
                Return(tokens, dy, shared, sent, states[0], a.P0, ref g.P0, kept.SubView(Slope + (0 * Channels)), ref sums);
                Return(tokens.SubView(8), dy.SubView(8), shared, sent.SubView(8), states[Channels], a.P1, ref g.P1, kept.SubView(Slope + (1 * Channels)), ref sums);
                Return(tokens.SubView(16), dy.SubView(16), shared, sent.SubView(16), states[2 * Channels], a.P2, ref g.P2, kept.SubView(Slope + (2 * Channels)), ref sums);
                Return(tokens.SubView(24), dy.SubView(24), shared, sent.SubView(24), states[3 * Channels], a.P3, ref g.P3, kept.SubView(Slope + (3 * Channels)), ref sums);

                // Under way while sums meet: any earlier they would take registers from what is above.
                // What is loaded after the first tokens of all is not used; without a branch there are fewer paths to compile.
                owner.Load(before + (block * Block), block > 0 ? p + ((block - 1) * Block) : before + Tile - Block);
                TPlatform.WarpBarrier();
                FloatQuad dx = met[0] + met[Lanes] + met[2 * Lanes] + met[3 * Lanes];
                FloatQuad slopes = met[4 * Lanes] + met[5 * Lanes] + met[6 * Lanes] + met[7 * Lanes];
                owner.Store(p + (block * Block), own.SubView(block * 2 * Lanes), own.SubView(Dy), dx, Ln2 * slopes);
                TPlatform.WarpBarrier();
                sums.Share(sentRates);
                owner.Share(own.SubView(block * 2 * Lanes), own.SubView(Dy));
                TPlatform.WarpBarrier();
                held.SubView(Sums + (warp * 8 * Tile) + lane)[block * Lanes] = ScanSums.AddLanes(metRates);
                TPlatform.WarpBarrier();
            }

            h = columns.Load(s.Checkpoints, place.Kept(l, before), place.Begin + before > 0);
            TPlatform.Barrier();
            memory.SubView(Rates)[thread] = rate;
            this.StoreRates(place, p, held.SubView(Sums + thread), thread);
            TPlatform.Barrier();
        }

        owner.StoreD((place.Strip * e) + ((Grid.IdxX * Channels) + thread));
        columns.Store(s.DA, flow, ScanStates.Kept(kept.SubView(Slope)).Times(a, Ln2));
    }

    /// <summary>Four tokens of one of the thread's channels forward.</summary>
    private static void Advance(ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> rates, FloatQuad a, ref FloatQuad h)
    {
        FloatQuad dt = tokens[0], x = dt * tokens[Lanes];
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.X, a), h, x.X * rates[0]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.Y, a), h, x.Y * rates[8]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.Z, a), h, x.Z * rates[16]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.W, a), h, x.W * rates[24]);
    }

    /// <summary>Four tokens of one of the thread's channels: forward from the state kept, and back.</summary>
    private static void Return(
        ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> dys, ArrayView<FloatQuad> rates, ArrayView<FloatQuad> sent, FloatQuad h,
        FloatQuad a, ref FloatQuad g, ArrayView<FloatQuad> slope, ref ScanSums sums)
    {
        FloatQuad dt = tokens[0], x = dt * tokens[Lanes], dy = dys[0];
        FloatQuad decay0 = FloatQuad.Exp2(dt.X, a), decay1 = FloatQuad.Exp2(dt.Y, a);
        FloatQuad decay2 = FloatQuad.Exp2(dt.Z, a), decay3 = FloatQuad.Exp2(dt.W, a);
        FloatQuad h0 = FloatQuad.Fma(decay0, h, x.X * rates[0]);
        FloatQuad h1 = FloatQuad.Fma(decay1, h0, x.Y * rates[8]);
        FloatQuad h2 = FloatQuad.Fma(decay2, h1, x.Z * rates[16]);
        FloatQuad h3 = FloatQuad.Fma(decay3, h2, x.W * rates[24]);

        FloatQuad dA = slope[0], dx = default, slopes = default;
        Token(dt.W, x.W, dy.W, rates[24], rates[28], a, decay3, h2, h3, ref g, ref dA, ref sums.B3, ref sums.C3, ref dx.W, ref slopes.W);
        Token(dt.Z, x.Z, dy.Z, rates[16], rates[20], a, decay2, h1, h2, ref g, ref dA, ref sums.B2, ref sums.C2, ref dx.Z, ref slopes.Z);
        Token(dt.Y, x.Y, dy.Y, rates[8], rates[12], a, decay1, h0, h1, ref g, ref dA, ref sums.B1, ref sums.C1, ref dx.Y, ref slopes.Y);
        Token(dt.X, x.X, dy.X, rates[0], rates[4], a, decay0, h, h0, ref g, ref dA, ref sums.B0, ref sums.C0, ref dx.X, ref slopes.X);
        slope[0] = dA;
        sent[0] = dx;
        sent[4 * Lanes] = slopes;
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

/// <summary>Four states of four channels, eight channels apart.</summary>
internal struct ScanStates
{
    public FloatQuad P0, P1, P2, P3;

    /// <summary>Writes them to a thread's place in memory of a group.</summary>
    public readonly void Keep(ArrayView<FloatQuad> kept)
    {
        kept[0] = this.P0;
        kept[SelectiveScan.ChannelsPerGroup] = this.P1;
        kept[2 * SelectiveScan.ChannelsPerGroup] = this.P2;
        kept[3 * SelectiveScan.ChannelsPerGroup] = this.P3;
    }

    /// <summary>Reads what <see cref="Keep"/> wrote.</summary>
    public static ScanStates Kept(ArrayView<FloatQuad> kept) => new()
    {
        P0 = kept[0],
        P1 = kept[SelectiveScan.ChannelsPerGroup],
        P2 = kept[2 * SelectiveScan.ChannelsPerGroup],
        P3 = kept[3 * SelectiveScan.ChannelsPerGroup],
    };

    /// <summary>Element by element, by <paramref name="other"/> and a factor.</summary>
    public readonly ScanStates Times(ScanStates other, float factor) => new()
    {
        P0 = factor * (this.P0 * other.P0),
        P1 = factor * (this.P1 * other.P1),
        P2 = factor * (this.P2 * other.P2),
        P3 = factor * (this.P3 * other.P3),
    };
}

/// <summary>Where <see cref="ScanStates"/> are in an (N, E) matrix.</summary>
internal readonly struct ScanQuads(int column, int channels, int state, bool isThere)
{
    public ScanStates Load(Floats memory, long from, bool any) => new()
    {
        P0 = this.Load(memory, from, 0, any),
        P1 = this.Load(memory, from, 8, any),
        P2 = this.Load(memory, from, 16, any),
        P3 = this.Load(memory, from, 24, any),
    };

    public void Store(Floats memory, long from, ScanStates value)
    {
        this.Store(memory, from, 0, value.P0);
        this.Store(memory, from, 8, value.P1);
        this.Store(memory, from, 16, value.P2);
        this.Store(memory, from, 24, value.P3);
    }

    private FloatQuad Load(Floats memory, long from, int channel, bool any) => any && isThere && column + channel < channels
        ? FloatQuad.Load(memory, from + ((state * channels) + column + channel), channels)
        : default;

    private void Store(Floats memory, long from, int channel, FloatQuad value)
    {
        if (isThere && column + channel < channels)
        {
            FloatQuad.Store(memory, from + ((state * channels) + column + channel), channels, value);
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

/// <summary>A thread of the backward pass as owner of one channel.</summary>
internal struct ScanOwner<TElement>
    where TElement : struct, IElement
{
    private FloatQuad u;
    private FloatQuad delta;
    private FloatQuad dy;
    private float dD;

    private readonly ScanAdjoint s;
    private readonly ScanRows<TElement> rows;
    private readonly int first;
    private readonly float d;

    public ScanOwner(ScanAdjoint s, ScanPlace place, int first)
    {
        int e = s.View.Layout.Channels, column = (Grid.IdxX * SelectiveScan.ChannelsPerGroup) + Group.IdxX;
        this.u = default;
        this.delta = default;
        this.dy = default;
        this.dD = 0f;
        this.s = s;
        this.rows = new(s.View.Layout, place, column, token: 0, isReturn: false);
        this.first = first;
        this.d = this.rows.IsThere && first == 0 ? ThreadLane.Read(s.View.D, ((long)place.Direction * e) + column) : 0f;
    }

    /// <summary>Loads Δ and u of four tokens, and dy of four, ahead of their use; zeros beyond the end change no sum.</summary>
    public void Load(int p, int pOfDy)
    {
        long at = this.rows.Start + ((long)p * this.rows.Step);
        this.u = this.rows.Load(this.s.View.U, p, at);
        this.delta = this.rows.Load(this.s.View.Delta, p, at);
        this.dy = this.rows.Load(this.s.Dy, pOfDy, this.rows.Start + ((long)pOfDy * this.rows.Step));
    }

    /// <summary>Hands what was loaded to the warp.</summary>
    public readonly void Share(ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> dys)
    {
        // A channel beyond the last holds the last one's values, which must reach no sum.
        tokens[0] = this.delta;
        tokens[32] = this.rows.IsThere ? this.u : default;
        dys[0] = this.rows.IsThere ? this.dy : default;
    }

    /// <summary>du and dΔ of four tokens.</summary>
    public void Store(int p, ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> dys, FloatQuad dx, FloatQuad slopes)
    {
        FloatQuad dt = tokens[0], ut = tokens[32], dyt = dys[0], terms = dyt * ut;
        this.dD += (terms.X + terms.Y) + (terms.Z + terms.W);
        long at = this.rows.Start + ((long)p * this.rows.Step);
        this.rows.Store(this.s.Du, p, at, FloatQuad.Fma(this.d, dyt, dt * dx), (this.s.AddU | this.first) != 0);
        this.rows.Store(this.s.DDelta, p, at, FloatQuad.Fma(ut, dx, slopes), (this.s.AddDelta | this.first) != 0);
    }

    public readonly void StoreD(long at)
    {
        if (this.rows.IsThere && this.first == 0)
        {
            this.s.DD.View[at] = this.dD;
        }
    }
}
