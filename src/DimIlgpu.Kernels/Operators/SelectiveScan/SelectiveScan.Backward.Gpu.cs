using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a group is a strip and 128 of its channels; a thread has four states of four channels.</summary>
/// <remarks>
/// <para>
/// A segment runs forward once, to keep the state before each four tokens, and then back, four tokens at a time: their
/// decays and states are computed again and stay in registers until the adjoint has passed. Two 2^x a state, less a quarter
/// of one, and no state but those kept ever leaves the processor.
/// </para>
/// <para>
/// A thread adds dB and dC over its four channels as it goes, so what remains is 32 values to add up for four tokens. They,
/// and the sums over states that du and dΔ need, meet in the same shared memory, one after the other. A warp has the same
/// four states throughout; a thread is also the owner of one channel, whose tokens it loads ahead, and whose du and dΔ it
/// stores.
/// </para>
/// </remarks>
[KernelInstance(typeof(Float32Element))]
internal readonly struct ScanBackwardGroups<TElement>(ScanAdjoint s, Floats scratch, int first) : IGroupKernel
    where TElement : struct, IElement
{
    private const int Channels = SelectiveScan.ChannelsPerGroup;
    private const int Lanes = 32;
    private const int Block = 4;
    private const int Tile = ScanGroup.Tile;
    private const float Ln2 = 0.693147181f;

    /// <summary>Floats of scratch memory of a group: the states before each block of a segment.</summary>
    public const int ScratchLength = Tile / Block * ScanGroup.States * Channels;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> tokens = SharedMemory.Allocate<FloatQuad>(3 * Channels);
        ArrayView<FloatQuad> rates = SharedMemory.Allocate<FloatQuad>(8 * Block);
        ArrayView<FloatQuad> meeting = SharedMemory.Allocate<FloatQuad>(8 * Channels);
        ArrayView<FloatQuad> parts = SharedMemory.Allocate<FloatQuad>(Channels);
        ScanLayout l = s.View.Layout;
        ScanPlace place = new(l, Grid.IdxY, Grid.IdxZ);
        int thread = Group.IdxX, lane = thread % Lanes, e = l.Channels, state = first + (thread / Lanes * 4);
        int column = (Grid.IdxX * Channels) + lane;
        bool hasStates = state < l.States;
        ArrayView<FloatQuad> kept = scratch.View.Cast<FloatQuad>().SubView(
            ((((long)place.Strip * Grid.DimX) + Grid.IdxX) * (ScratchLength / 4)) + thread);
        ScanOwner<TElement> owner = new(s, place, first);

        long parameter = ((long)place.Direction * l.States * e) + ((long)state * e);
        long flow = (place.Strip * l.States * e) + ((long)state * e);
        FloatQuad a0 = default, a1 = default, a2 = default, a3 = default;
        FloatQuad g0 = default, g1 = default, g2 = default, g3 = default;
        FloatQuad dA0 = default, dA1 = default, dA2 = default, dA3 = default;
        if (hasStates)
        {
            a0 = Read(s.View.A, parameter, column, e);
            a1 = Read(s.View.A, parameter, column + Lanes, e);
            a2 = Read(s.View.A, parameter, column + (2 * Lanes), e);
            a3 = Read(s.View.A, parameter, column + (3 * Lanes), e);
            if (place.Begin + place.Length < l.Tokens)
            {
                g0 = Read(s.Incoming, flow, column, e);
                g1 = Read(s.Incoming, flow, column + Lanes, e);
                g2 = Read(s.Incoming, flow, column + (2 * Lanes), e);
                g3 = Read(s.Incoming, flow, column + (3 * Lanes), e);
            }
        }

        int last = (place.Length - 1) / Tile * Tile;
        owner.Load(last, withDy: false);
        for (int p = last; p >= 0; p -= Tile)
        {
            FloatQuad h0 = default, h1 = default, h2 = default, h3 = default;
            if (hasStates && place.Begin + p > 0)
            {
                long from = place.Kept(l, p) + ((long)state * e);
                h0 = Read(s.Checkpoints, from, column, e);
                h1 = Read(s.Checkpoints, from, column + Lanes, e);
                h2 = Read(s.Checkpoints, from, column + (2 * Lanes), e);
                h3 = Read(s.Checkpoints, from, column + (3 * Lanes), e);
            }

            for (int block = 0; block < Tile; block += Block)
            {
                Keep(kept, block, h0, h1, h2, h3);
                if (block < Tile - Block)
                {
                    owner.Share(tokens, rates);
                    TPlatform.Barrier();
                    owner.Load(p + block + Block, withDy: block == Tile - (2 * Block));
                    Advance(tokens, rates, lane, a0, ref h0);
                    Advance(tokens, rates, lane + Lanes, a1, ref h1);
                    Advance(tokens, rates, lane + (2 * Lanes), a2, ref h2);
                    Advance(tokens, rates, lane + (3 * Lanes), a3, ref h3);
                    TPlatform.Barrier();
                }
            }

            for (int block = Tile - Block; block >= 0; block -= Block)
            {
                owner.Share(tokens, rates);
                TPlatform.Barrier();
                FloatQuad u = owner.U;
                if (block > 0)
                {
                    owner.Load(p + block - Block, withDy: true);
                }
                else if (p > 0)
                {
                    owner.Load(p - Tile, withDy: false);
                }

                ScanSums sums = default;
                Return(tokens, rates, meeting, kept, block, 0, a0, ref g0, ref dA0, ref sums);
                Return(tokens, rates, meeting, kept, block, 1, a1, ref g1, ref dA1, ref sums);
                Return(tokens, rates, meeting, kept, block, 2, a2, ref g2, ref dA2, ref sums);
                Return(tokens, rates, meeting, kept, block, 3, a3, ref g3, ref dA3, ref sums);
                TPlatform.Barrier();
                int at = (thread / Lanes * 8 * Lanes) + lane;
                FloatQuad dx = meeting[at] + meeting[at + Lanes] + meeting[at + (2 * Lanes)] + meeting[at + (3 * Lanes)];
                at += 4 * Lanes;
                FloatQuad slopes = meeting[at] + meeting[at + Lanes] + meeting[at + (2 * Lanes)] + meeting[at + (3 * Lanes)];
                owner.Store(p + block, u, tokens[thread], tokens[(2 * Channels) + thread], dx, Ln2 * slopes);
                TPlatform.Barrier();
                sums.Share(meeting, thread);
                TPlatform.Barrier();
                parts[thread] = ScanSums.AddLanes(meeting, thread);
                TPlatform.Barrier();
                if (thread < 8 * Block)
                {
                    this.StoreRates(place, p + block, parts, thread);
                }
            }
        }

        owner.StoreD();
        if (hasStates)
        {
            Write(s.DA, flow, column, e, Ln2 * (dA0 * a0));
            Write(s.DA, flow, column + Lanes, e, Ln2 * (dA1 * a1));
            Write(s.DA, flow, column + (2 * Lanes), e, Ln2 * (dA2 * a2));
            Write(s.DA, flow, column + (3 * Lanes), e, Ln2 * (dA3 * a3));
        }
    }

    private static FloatQuad Read(Floats memory, long row, int column, int e) =>
        column < e ? FloatQuad.Load(memory, row + column, e) : default;

    private static void Write(Floats memory, long row, int column, int e, FloatQuad value)
    {
        if (column < e)
        {
            FloatQuad.Store(memory, row + column, e, value);
        }
    }

    private static void Keep(ArrayView<FloatQuad> kept, int block, FloatQuad h0, FloatQuad h1, FloatQuad h2, FloatQuad h3)
    {
        int at = block * Channels;
        kept[at] = h0;
        kept[at + Channels] = h1;
        kept[at + (2 * Channels)] = h2;
        kept[at + (3 * Channels)] = h3;
    }

    /// <summary>Four tokens forward.</summary>
    private static void Advance(ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> rates, int channel, FloatQuad a, ref FloatQuad h)
    {
        int quad = Group.IdxX / Lanes;
        FloatQuad dt = tokens[channel], x = tokens[Channels + channel];
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.X, a), h, x.X * rates[quad]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.Y, a), h, x.Y * rates[quad + 8]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.Z, a), h, x.Z * rates[quad + 16]);
        h = FloatQuad.Fma(FloatQuad.Exp2(dt.W, a), h, x.W * rates[quad + 24]);
    }

    /// <summary>Four tokens forward from the state kept, and back.</summary>
    private static void Return(
        ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> rates, ArrayView<FloatQuad> meeting, ArrayView<FloatQuad> kept,
        int block, int part, FloatQuad a, ref FloatQuad g, ref FloatQuad dA, ref ScanSums sums)
    {
        int quad = Group.IdxX / Lanes, lane = Group.IdxX % Lanes, channel = (part * Lanes) + lane;
        FloatQuad dt = tokens[channel], x = tokens[Channels + channel], dy = tokens[(2 * Channels) + channel];
        FloatQuad h = kept[(block + part) * Channels];
        FloatQuad decay0 = FloatQuad.Exp2(dt.X, a), decay1 = FloatQuad.Exp2(dt.Y, a);
        FloatQuad decay2 = FloatQuad.Exp2(dt.Z, a), decay3 = FloatQuad.Exp2(dt.W, a);

        // What remains of the state before each token; with the token's own part it is the state after it.
        FloatQuad h0 = decay0 * h;
        FloatQuad h1 = decay1 * FloatQuad.Fma(x.X, rates[quad], h0);
        FloatQuad h2 = decay2 * FloatQuad.Fma(x.Y, rates[quad + 8], h1);
        FloatQuad h3 = decay3 * FloatQuad.Fma(x.Z, rates[quad + 16], h2);

        FloatQuad dx = default, slopes = default;
        Token(dt.W, x.W, dy.W, rates[quad + 24], rates[quad + 28], a, decay3, h3, ref g, ref dA, ref sums.B3, ref sums.C3, ref dx.W, ref slopes.W);
        Token(dt.Z, x.Z, dy.Z, rates[quad + 16], rates[quad + 20], a, decay2, h2, ref g, ref dA, ref sums.B2, ref sums.C2, ref dx.Z, ref slopes.Z);
        Token(dt.Y, x.Y, dy.Y, rates[quad + 8], rates[quad + 12], a, decay1, h1, ref g, ref dA, ref sums.B1, ref sums.C1, ref dx.Y, ref slopes.Y);
        Token(dt.X, x.X, dy.X, rates[quad], rates[quad + 4], a, decay0, h0, ref g, ref dA, ref sums.B0, ref sums.C0, ref dx.X, ref slopes.X);
        int at = (((part * 8) + quad) * Lanes) + lane;
        meeting[at] = dx;
        meeting[at + (4 * Lanes)] = slopes;
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

    private void StoreRates(ScanPlace place, int p, ArrayView<FloatQuad> parts, int thread)
    {
        // The same places as ScanSums: token, B or C, states.
        int token = p + (thread / 8), state = first + (thread % 4 * 4), n = s.View.Layout.States;
        if (token < place.Length && state < n)
        {
            FloatQuad sum = parts[4 * thread] + parts[(4 * thread) + 1] + parts[(4 * thread) + 2] + parts[(4 * thread) + 3];
            long at = ((place.Row(token) * Grid.DimX) + Grid.IdxX) * n;
            Floats to = thread % 8 < 4 ? s.DB : s.DC;
            to.View.Cast<FloatQuad>()[(at + state) / 4] = sum;
        }
    }
}

/// <summary>A thread's sums of dB and dC over its channels: four tokens, four states.</summary>
internal struct ScanSums
{
    public FloatQuad B0, B1, B2, B3, C0, C1, C2, C3;

    /// <summary>Lays them out by token, B or C, states and lane.</summary>
    public readonly void Share(ArrayView<FloatQuad> meeting, int thread)
    {
        meeting[thread] = this.B0;
        meeting[thread + 128] = this.C0;
        meeting[thread + 256] = this.B1;
        meeting[thread + 384] = this.C1;
        meeting[thread + 512] = this.B2;
        meeting[thread + 640] = this.C2;
        meeting[thread + 768] = this.B3;
        meeting[thread + 896] = this.C3;
    }

    /// <summary>The sum over eight lanes of one place.</summary>
    public static FloatQuad AddLanes(ArrayView<FloatQuad> meeting, int thread)
    {
        // Each thread starts elsewhere, so that eight threads read from different banks.
        int from = thread * 8;
        FloatQuad sum = meeting[from + (thread % 8)];
        for (int i = 1; i < 8; i++)
        {
            sum += meeting[from + ((thread + i) % 8)];
        }

        return sum;
    }
}

/// <summary>A thread of the backward pass as owner of one channel.</summary>
internal struct ScanOwner<TElement>
    where TElement : struct, IElement
{
    private const int Channels = SelectiveScan.ChannelsPerGroup;

    public FloatQuad U;
    private FloatQuad delta, dy, rate;
    private float dD;

    private readonly ScanAdjoint s;
    private readonly Floats rates;
    private readonly int length, first, rateToken;
    private readonly bool hasChannel, hasRates;
    private readonly long at, step, rateAt, rateStep, dAt;
    private readonly float d;

    public ScanOwner(ScanAdjoint s, ScanPlace place, int first)
    {
        int thread = Group.IdxX, e = s.View.Layout.Channels, column = (Grid.IdxX * Channels) + thread;
        int state = first + (thread % 4 * 4), n = s.View.Layout.States;
        bool isC = thread % 8 >= 4;
        int pitch = isC ? s.View.CPitch : s.View.BPitch;
        this.U = default;
        this.delta = default;
        this.dy = default;
        this.rate = default;
        this.dD = 0f;
        this.s = s;
        this.rates = isC ? s.View.C : s.View.B;
        this.length = place.Length;
        this.first = first;
        this.rateToken = thread / 8;
        this.hasChannel = column < e;
        this.hasRates = thread < 32 && state < n;
        this.at = (place.Row(0) * e) + column;
        this.step = place.Stride * e;
        this.rateAt = (place.Row(0) * pitch) + state;
        this.rateStep = place.Stride * pitch;
        this.dAt = ((long)place.Strip * e) + column;
        this.d = this.hasChannel && first == 0 ? s.View.D.View[((long)place.Direction * e) + column] : 0f;
    }

    /// <summary>Loads four tokens, ahead of their use; zeros beyond the end change no sum.</summary>
    public void Load(int p, bool withDy)
    {
        this.U = this.Load(this.s.View.U, p);
        this.delta = this.Load(this.s.View.Delta, p);
        if (withDy)
        {
            this.dy = this.Load(this.s.Dy, p);
        }

        int token = p + this.rateToken;
        this.rate = default;
        if (this.hasRates && token < this.length)
        {
            long index = this.rateAt + (token * this.rateStep);
            this.rate = new(
                TElement.Load(this.rates, index), TElement.Load(this.rates, index + 1),
                TElement.Load(this.rates, index + 2), TElement.Load(this.rates, index + 3));
        }
    }

    /// <summary>Hands what was loaded to the group: Δ, Δu, dy; B and C.</summary>
    public readonly void Share(ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> shared)
    {
        int thread = Group.IdxX;
        tokens[thread] = this.delta;
        tokens[Channels + thread] = this.delta * this.U;
        tokens[(2 * Channels) + thread] = this.dy;
        if (thread < 32)
        {
            shared[thread] = this.rate;
        }
    }

    /// <summary>du and dΔ of four tokens.</summary>
    public void Store(int p, FloatQuad u, FloatQuad dt, FloatQuad dyt, FloatQuad dx, FloatQuad slopes)
    {
        FloatQuad du = FloatQuad.Fma(this.d, dyt, dt * dx), dDelta = FloatQuad.Fma(u, dx, slopes), terms = dyt * u;
        this.dD += (terms.X + terms.Y) + (terms.Z + terms.W);
        this.Store(p, 0, du.X, dDelta.X);
        this.Store(p, 1, du.Y, dDelta.Y);
        this.Store(p, 2, du.Z, dDelta.Z);
        this.Store(p, 3, du.W, dDelta.W);
    }

    public readonly void StoreD()
    {
        if (this.hasChannel && this.first == 0)
        {
            this.s.DD.View[this.dAt] = this.dD;
        }
    }

    private readonly void Store(int p, int i, float du, float dDelta)
    {
        if (this.hasChannel && p + i < this.length)
        {
            long index = this.at + ((p + i) * this.step);
            TElement.Store(this.s.Du, index, (this.s.AddU | this.first) != 0 ? TElement.Load(this.s.Du, index) + du : du);
            TElement.Store(
                this.s.DDelta, index, (this.s.AddDelta | this.first) != 0 ? TElement.Load(this.s.DDelta, index) + dDelta : dDelta);
        }
    }

    private readonly FloatQuad Load(Floats memory, int p)
    {
        FloatQuad q = default;
        if (this.hasChannel)
        {
            long index = this.at + (p * this.step);
            q.X = p < this.length ? TElement.Load(memory, index) : 0f;
            q.Y = p + 1 < this.length ? TElement.Load(memory, index + this.step) : 0f;
            q.Z = p + 2 < this.length ? TElement.Load(memory, index + (2 * this.step)) : 0f;
            q.W = p + 3 < this.length ? TElement.Load(memory, index + (3 * this.step)) : 0f;
        }

        return q;
    }
}
