using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a group is a strip and 128 of its channels; a thread has four states of four channels.</summary>
/// <remarks>
/// <para>
/// A segment runs forward once, to keep the state before each four tokens, and then back, four tokens at a time: their
/// decays and states are computed again and stay in registers until the adjoint has passed. That is seven 2^x to four
/// tokens of a state. What a thread keeps between them is its own, in memory that stays in the first cache.
/// </para>
/// <para>
/// A thread adds dB and dC over its four channels as it goes, so what remains is 32 values to add up for four tokens. They,
/// and the sums over states that du and dΔ need, meet in the same shared memory, one after the other. A warp has the same
/// four states throughout; a thread is also the owner of one channel, whose tokens it loads ahead, and whose du and dΔ it
/// stores.
/// </para>
/// </remarks>
[KernelInstance(typeof(Float32Element))]
[KernelInstance(typeof(BFloat16Element))]
internal readonly struct ScanBackwardGroups<TElement>(ScanAdjoint s, Floats scratch, int first, int parts) : IGroupKernel
    where TElement : struct, IElement
{
    private const int Channels = SelectiveScan.ChannelsPerGroup;
    private const int Lanes = 32;
    private const int Block = 4;
    private const int Tile = ScanGroup.Tile;
    private const float Ln2 = 0.693147181f;

    // A thread's places in scratch memory, in steps of one quad for each of its channels: the states before each block of a
    // segment, A, the adjoint and dA. In registers they would leave room for half as many groups.
    private const int Rate = Tile / Block * Parts * Channels;
    private const int Adjoint = Rate + (Parts * Channels);
    private const int Slope = Adjoint + (Parts * Channels);

    // Shared memory: Δ, u and dy of four tokens by channel; B and C by token; where sums meet; the sums of a quarter of the
    // lanes of each.
    private const int Rates = 3 * Channels;
    private const int Meeting = Rates + (8 * Block);
    private const int Quarters = Meeting + (8 * Channels);

    /// <summary>Channels of a thread. The kernel is told, for loops that ptxas unrolled would take its registers.</summary>
    public const int Parts = Channels / Lanes;

    /// <summary>Floats of scratch memory of a group.</summary>
    public const int ScratchLength = (Slope + (Parts * Channels)) * 4;

    public static int GroupsPerProcessor => 3;

    public static int ThreadsPerGroup => Channels;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> memory = SharedMemory.Allocate<FloatQuad>(Quarters + Channels);
        ScanLayout l = s.View.Layout;
        ScanPlace place = new(l, Grid.IdxY, Grid.IdxZ);
        int thread = Group.IdxX, lane = thread % Lanes, e = l.Channels, state = first + (thread / Lanes * 4);
        int column = (Grid.IdxX * Channels) + lane;
        bool hasStates = state < l.States, hasFlow = place.Begin + place.Length < l.Tokens;
        ArrayView<FloatQuad> kept = scratch.View.Cast<FloatQuad>().SubView(
            (((place.Strip * Grid.DimX) + Grid.IdxX) * (ScratchLength / 4)) + thread);
        ScanOwner<TElement> owner = new(s, place, first);

        // Views that start where this thread reads and writes: what is added to them below is constant.
        ArrayView<FloatQuad> own = memory.SubView(thread), mine = memory.SubView(lane), rates = memory.SubView(Rates + (thread / Lanes));
        ArrayView<FloatQuad> met = memory.SubView(Meeting + (thread / Lanes * 8 * Lanes) + lane);

        // Long where the whole group agrees, so that threads need not remember it.
        long parameter = (long)place.Direction * l.States * e, flow = place.Strip * l.States * e;
        for (int part = 0; part < parts; part++)
        {
            int of = column + (part * Lanes);
            bool has = hasStates && of < e;
            kept[Rate + (part * Channels)] = has ? FloatQuad.Load(s.View.A, parameter + ((state * e) + of), e) : default;
            kept[Adjoint + (part * Channels)] = has && hasFlow ? FloatQuad.Load(s.Incoming, flow + ((state * e) + of), e) : default;
            kept[Slope + (part * Channels)] = default;
        }

        int last = (place.Length - 1) / Tile * Tile;
        owner.Load(last, withDy: false);
        for (int p = last; p >= 0; p -= Tile)
        {
            long from = place.Kept(l, p);
            for (int part = 0; part < parts; part++)
            {
                int of = column + (part * Lanes);
                bool has = hasStates && of < e && place.Begin + p > 0;
                kept[part * Channels] = has ? FloatQuad.Load(s.Checkpoints, from + ((state * e) + of), e) : default;
            }

            for (int block = 0; block < Tile - Block; block += Block)
            {
                owner.Share(own, memory.SubView(Rates));
                TPlatform.Barrier();
                for (int part = 0; part < parts; part++)
                {
                    Advance(mine.SubView(part * Lanes), rates, kept.SubView((block + part) * Channels), kept[Rate + (part * Channels)]);
                }

                owner.Load(p + block + Block, withDy: block == Tile - (2 * Block));
                TPlatform.Barrier();
            }

            for (int block = Tile - Block; block >= 0; block -= Block)
            {
                owner.Share(own, memory.SubView(Rates));
                TPlatform.Barrier();
                ScanSums sums = default;
                for (int part = 0; part < parts; part++)
                {
                    sums = Return(
                        mine.SubView(part * Lanes), rates, own.SubView(Meeting + (part * 8 * Lanes)), kept[(block + part) * Channels],
                        kept.SubView(Rate + (part * Channels)), sums);
                }

                // Under way while sums meet: any earlier they would take registers from the loop above.
                if (block > 0)
                {
                    owner.Load(p + block - Block, withDy: true);
                }
                else if (p > 0)
                {
                    owner.Load(p - Tile, withDy: false);
                }

                TPlatform.Barrier();
                FloatQuad dx = met[0] + met[Lanes] + met[2 * Lanes] + met[3 * Lanes];
                FloatQuad slopes = met[4 * Lanes] + met[5 * Lanes] + met[6 * Lanes] + met[7 * Lanes];
                owner.Store(p + block, own, dx, Ln2 * slopes);
                TPlatform.Barrier();
                sums.Share(own.SubView(Meeting));
                TPlatform.Barrier();
                own[Quarters] = ScanSums.AddLanes(memory.SubView(Meeting), thread);
                TPlatform.Barrier();
                if (thread < 8 * Block)
                {
                    this.StoreRates(place, p + block, memory.SubView(Quarters + (4 * thread)), thread);
                }
            }
        }

        owner.StoreD((place.Strip * e) + ((Grid.IdxX * Channels) + thread));
        for (int part = 0; part < parts; part++)
        {
            int of = column + (part * Lanes);
            if (hasStates && of < e)
            {
                FloatQuad.Store(s.DA, flow + ((state * e) + of), e, Ln2 * (kept[Slope + (part * Channels)] * kept[Rate + (part * Channels)]));
            }
        }
    }

    /// <summary>Four tokens of one of the thread's channels forward, from one state kept to the next.</summary>
    private static void Advance(ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> rates, ArrayView<FloatQuad> kept, FloatQuad a)
    {
        FloatQuad dt = tokens[0], x = dt * tokens[Channels], h = kept[0];
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.X, a), h, x.X * rates[0]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.Y, a), h, x.Y * rates[8]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.Z, a), h, x.Z * rates[16]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.W, a), h, x.W * rates[24]);
        kept[Block * Channels] = h;
    }

    /// <summary>Four tokens of one of the thread's channels: forward from the state kept, and back.</summary>
    private static ScanSums Return(
        ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> rates, ArrayView<FloatQuad> sent, FloatQuad h,
        ArrayView<FloatQuad> running, ScanSums sums)
    {
        FloatQuad a = running[0], g = running[Adjoint - Rate], dA = running[Slope - Rate];
        FloatQuad dt = tokens[0], x = dt * tokens[Channels], dy = tokens[2 * Channels];
        FloatQuad decay0 = FloatQuad.Exp2(dt.X, a), decay1 = FloatQuad.Exp2(dt.Y, a);
        FloatQuad decay2 = FloatQuad.Exp2(dt.Z, a), decay3 = FloatQuad.Exp2(dt.W, a);

        // What remains of the state before each token; with the token's own part it is the state after it.
        FloatQuad h0 = decay0 * h;
        FloatQuad h1 = decay1 * FloatQuad.Fma(x.X, rates[0], h0);
        FloatQuad h2 = decay2 * FloatQuad.Fma(x.Y, rates[8], h1);
        FloatQuad h3 = decay3 * FloatQuad.Fma(x.Z, rates[16], h2);

        FloatQuad dx = default, slopes = default;
        Token(dt.W, x.W, dy.W, rates[24], rates[28], a, decay3, h3, ref g, ref dA, ref sums.B3, ref sums.C3, ref dx.W, ref slopes.W);
        Token(dt.Z, x.Z, dy.Z, rates[16], rates[20], a, decay2, h2, ref g, ref dA, ref sums.B2, ref sums.C2, ref dx.Z, ref slopes.Z);
        Token(dt.Y, x.Y, dy.Y, rates[8], rates[12], a, decay1, h1, ref g, ref dA, ref sums.B1, ref sums.C1, ref dx.Y, ref slopes.Y);
        Token(dt.X, x.X, dy.X, rates[0], rates[4], a, decay0, h0, ref g, ref dA, ref sums.B0, ref sums.C0, ref dx.X, ref slopes.X);
        running[Adjoint - Rate] = g;
        running[Slope - Rate] = dA;
        sent[0] = dx;
        sent[4 * Lanes] = slopes;
        return sums;
    }

    private static void Token(
        float dt, float x, float dy, FloatQuad b, FloatQuad c, FloatQuad a, FloatQuad decay, FloatQuad remains,
        ref FloatQuad g, ref FloatQuad dA, ref FloatQuad dB, ref FloatQuad dC, ref float dx, ref float slopes)
    {
        g = FloatQuad.Fma(dy, c, g);
        dB = FloatQuad.Fma(x, g, dB);
        dC = FloatQuad.Fma(dy, FloatQuad.Fma(x, b, remains), dC);
        dx = FloatQuad.Dot(g, b);
        FloatQuad slope = g * remains;
        dA = FloatQuad.Fma(dt, slope, dA);
        slopes = FloatQuad.Dot(slope, a);
        g = decay * g;
    }

    private void StoreRates(ScanPlace place, int p, ArrayView<FloatQuad> quarters, int thread)
    {
        // The same places as ScanSums: token, B or C, states.
        int token = p + (thread / 8), state = first + (thread % 4 * 4), n = s.View.Layout.States;
        if (token < place.Length && state < n)
        {
            FloatQuad sum = quarters[0] + quarters[1] + quarters[2] + quarters[3];
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

/// <summary>A thread's sums of dB and dC over its channels: four tokens, four states.</summary>
internal struct ScanSums
{
    public FloatQuad B0, B1, B2, B3, C0, C1, C2, C3;

    /// <summary>Lays them out by token, B or C, states and lane.</summary>
    public readonly void Share(ArrayView<FloatQuad> sent)
    {
        sent[0] = this.B0;
        sent[128] = this.C0;
        sent[256] = this.B1;
        sent[384] = this.C1;
        sent[512] = this.B2;
        sent[640] = this.C2;
        sent[768] = this.B3;
        sent[896] = this.C3;
    }

    /// <summary>The sum over eight lanes of one place: every fourth of them.</summary>
    public static FloatQuad AddLanes(ArrayView<FloatQuad> meeting, int thread)
    {
        // Four threads of each place, and two places in turn: eight threads then read from different banks.
        int from = (thread / 4 * 32) + (thread % 4), odd = thread / 4 % 2 * 4;
        ArrayView<FloatQuad> first = meeting.SubView(from + odd), second = meeting.SubView(from + 4 - odd);
        return first[0] + first[8] + first[16] + first[24] + (second[0] + second[8] + second[16] + second[24]);
    }
}

/// <summary>A thread of the backward pass as owner of one channel.</summary>
internal struct ScanOwner<TElement>
    where TElement : struct, IElement
{
    private const int Channels = SelectiveScan.ChannelsPerGroup;

    private FloatQuad u;
    private FloatQuad delta;
    private FloatQuad dy;
    private float rate;
    private float dD;

    private readonly ScanAdjoint s;
    private readonly ScanRows<TElement> rows;
    private readonly ScanRates<TElement> rates;
    private readonly int first;
    private readonly float d;

    public ScanOwner(ScanAdjoint s, ScanPlace place, int first)
    {
        int thread = Group.IdxX, e = s.View.Layout.Channels, column = (Grid.IdxX * Channels) + thread;
        this.u = default;
        this.delta = default;
        this.dy = default;
        this.rate = 0f;
        this.dD = 0f;
        this.s = s;
        this.rows = new(s.View.Layout, place, column, token: 0, isReturn: false);
        this.rates = new(s.View, place, token: thread / 32, isC: thread % 32 >= 16, first + (thread % 16), isReturn: false);
        this.first = first;
        this.d = this.rows.IsThere && first == 0 ? ThreadLane.Read(s.View.D, ((long)place.Direction * e) + column) : 0f;
    }

    /// <summary>Loads four tokens, ahead of their use; zeros beyond the end change no sum.</summary>
    public void Load(int p, bool withDy)
    {
        long at = this.rows.Start + ((long)p * this.rows.Step);
        this.u = this.rows.Load(this.s.View.U, p, at);
        this.delta = this.rows.Load(this.s.View.Delta, p, at);
        if (withDy)
        {
            this.dy = this.rows.Load(this.s.Dy, p, at);
        }

        this.rate = this.rates.LoadOne(p, this.rates.Start + ((long)p * this.rates.Step));
    }

    /// <summary>Hands what was loaded to the group: Δ, u, dy; B and C.</summary>
    public readonly void Share(ArrayView<FloatQuad> own, ArrayView<FloatQuad> shared)
    {
        // A channel beyond the last holds the last one's values, which must reach no sum.
        own[0] = this.delta;
        own[Channels] = this.rows.IsThere ? this.u : default;
        own[2 * Channels] = this.rows.IsThere ? this.dy : default;
        shared.Cast<float>()[Group.IdxX] = this.rate;
    }

    /// <summary>du and dΔ of four tokens.</summary>
    public void Store(int p, ArrayView<FloatQuad> own, FloatQuad dx, FloatQuad slopes)
    {
        FloatQuad dt = own[0], ut = own[Channels], dyt = own[2 * Channels], terms = dyt * ut;
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
