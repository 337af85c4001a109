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
/// many with fewer, groups of three channels a thread may fill them better. One channel a thread takes 27 KB of shared memory
/// where the others take 42 and 47: for devices that have less.
/// </para>
/// <para>
/// What a thread needs again within a segment is in scratch memory here. <see cref="ScanBackwardWarps{TFour, TWidth}"/> has
/// it in shared memory too.
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
    /// <summary>Floats of scratch memory of a group.</summary>
    public static int ScratchLength => 4 * ScanBackwardLayout<TFour, TWidth, ScratchMemory>.HeldLength;

    public static int GroupsPerProcessor => TFour.IsByFour ? 3 : 2;

    public static int ThreadsPerGroup => ScanGroup.Threads;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> memory = SharedMemory.Allocate<FloatQuad>(ScanBackwardLayout<TFour, TWidth, ScratchMemory>.Length);
        long strip = new ScanPlace(s.View.Layout, Grid.IdxY, Grid.IdxZ).Strip, start = ((strip * Grid.DimX) + Grid.IdxX) * (ScratchLength / 4);
        new ScanBackwardBody<TFour, TWidth, ScratchMemory>(s, first, blocks).Execute<TPlatform>(memory, scratch.View.Cast<FloatQuad>().SubView(start));
    }
}

/// <summary>CUDA: the same where a multiprocessor has shared memory for all that three groups keep.</summary>
/// <remarks>
/// Nothing but operands and results then leaves the multiprocessor, and the tokens that owners need next are copied while the
/// thread computes, into no register. Four channels of float32 a thread have no room.
/// </remarks>
[KernelInstance(typeof(Float32Fours), typeof(ThreeChannels))]
[KernelInstance(typeof(BFloat16Fours), typeof(FourChannels))]
[KernelInstance(typeof(BFloat16Fours), typeof(ThreeChannels))]
internal readonly struct ScanBackwardWarps<TFour, TWidth>(ScanAdjoint s, int first, int blocks) : IWarpKernel
    where TFour : struct, IFour
    where TWidth : struct, IScanWidth
{
    /// <summary>Bytes of shared memory of a group.</summary>
    public static int SharedBytes =>
        16 * (ScanBackwardLayout<TFour, TWidth, SharedMemoryAlone>.Length + ScanBackwardLayout<TFour, TWidth, SharedMemoryAlone>.HeldLength);

    /// <summary>The first chip with three groups' shared memory.</summary>
    public static string Target => "sm_90";

    public static int GroupsPerProcessor => 3;

    public static int ThreadsPerGroup => ScanGroup.Threads;

    public void Execute()
    {
        ArrayView<FloatQuad> memory = SharedMemory.GetDynamic<FloatQuad>();
        new ScanBackwardBody<TFour, TWidth, SharedMemoryAlone>(s, first, blocks).Execute<CudaPlatform>(
            memory, memory.SubView(ScanBackwardLayout<TFour, TWidth, SharedMemoryAlone>.Length));
    }
}

/// <inheritdoc cref="ScanBackwardGroups{TFour, TWidth}"/>
internal readonly struct ScanBackwardBody<TFour, TWidth, TMemory>(ScanAdjoint s, int first, int blocks)
    where TFour : struct, IFour
    where TWidth : struct, IScanWidth
    where TMemory : struct, IScanMemory
{
    private const int Threads = ScanGroup.Threads;
    private const int Warps = Threads / 32;
    private const int Block = 4;
    private const int Tile = ScanGroup.Tile;
    private const float Ln2 = 0.693147181f;

    /// <summary>Channels of a group, over which dB and dC are summed before partial sums are written.</summary>
    public static int Channels => Warps * Lanes;

    private static int Lanes => ScanColumns<TFour, TWidth>.Lanes;

    private static bool IsLent => ScanBackwardLayout<TFour, TWidth, TMemory>.IsLent;

    private static bool IsNear => ScanBackwardLayout<TFour, TWidth, TMemory>.IsNear;

    private static int Dy => ScanBackwardLayout<TFour, TWidth, TMemory>.Dy;

    private static int Meeting => ScanBackwardLayout<TFour, TWidth, TMemory>.Meeting;

    private static int SkipRate => ScanBackwardLayout<TFour, TWidth, TMemory>.SkipRate;

    private static int OfWarp => ScanBackwardLayout<TFour, TWidth, TMemory>.OfWarp;

    private static int Rates => ScanBackwardLayout<TFour, TWidth, TMemory>.Rates;

    private static int Slope => ScanBackwardLayout<TFour, TWidth, TMemory>.Slope;

    private static int NearPlaces => ScanBackwardLayout<TFour, TWidth, TMemory>.NearPlaces;

    private static int Held => ScanBackwardLayout<TFour, TWidth, TMemory>.Length;

    private static int Skip => ScanBackwardLayout<TFour, TWidth, TMemory>.Skip;

    private static int Places => ScanBackwardLayout<TFour, TWidth, TMemory>.Places;

    public void Execute<TPlatform>(ArrayView<FloatQuad> memory, ArrayView<FloatQuad> held)
        where TPlatform : struct, IPlatform
    {
        ScanLayout l = s.View.Layout;
        ScanPlace place = new(l, Grid.IdxY, Grid.IdxZ);
        int thread = Group.IdxX, lane = thread & 31, warp = thread >> 5, quad = lane >> 3, slot = lane & 7, e = l.Channels;
        int column = (Grid.IdxX * Channels) + (warp * Lanes);

        // Views that start where this thread reads and writes: what is added to them below is constant.
        ArrayView<FloatQuad> mine = memory.SubView((warp * OfWarp) + slot), rates = memory.SubView(Rates + quad);
        ArrayView<FloatQuad> sent = memory.SubView((warp * OfWarp) + Meeting + (quad * Lanes) + slot);
        ArrayView<FloatQuad> sentRates = memory.SubView((warp * OfWarp) + Meeting + (IsLent ? lane : (quad * ScanSums.Pitch) + slot));
        ArrayView<FloatQuad> metRates = memory.SubView((warp * OfWarp) + Meeting + (lane * ScanSums.Pitch));
        ArrayView<FloatQuad> slopes = memory.SubView(Slope + thread), kept = held.SubView(thread);
        ArrayView<WordPair> ahead = held.SubView(Places).Cast<WordPair>().SubView(TMemory.IsShared ? thread * TFour.Pairs : 0);

        // The threads that own none share nothing and store nothing.
        bool owns = TWidth.Channels == 4 || slot < Lanes / 4;
        ArrayView<float> own = memory.Cast<float>().SubView((((warp * OfWarp) + (owns ? slot : 0)) * 4) + quad);

        // Long where the whole group agrees, so that threads need not remember it.
        long flow = place.Strip * l.States * e;
        int last = (place.Length - 1) / Tile * Tile;
        ScanOwner<TFour, TWidth> owner = new(s, place, column + (4 * slot), quad, first, owns);
        ScanSharer<TFour> sharer = new(s.View, place, thread, first);
        ScanColumns<TFour, TWidth> columns = new(l, column, slot, first + (4 * quad));
        ArrayView<int> places = (IsNear ? slopes.SubView(NearPlaces - Slope) : kept.SubView(Places)).Cast<int>();
        ArrayView<long> starts = kept.SubView(Places + Threads).Cast<long>();
        if (!TMemory.IsShared)
        {
            columns.Keep(places);
            sharer.Keep(places, starts);
            starts[1] = place.Strip;
        }

        ScanStates<TWidth> a = columns.Load(s.View.A, (long)place.Direction * l.States * e, true);
        ScanStates<TWidth> g = columns.Load(s.Incoming, flow, place.Begin + place.Length < l.Tokens);
        ScanStates<TWidth> h = columns.Load(s.Checkpoints, place.Kept(l, last), place.Begin + last > 0);
        default(ScanStates<TWidth>).Keep(slopes);
        mine[SkipRate] = owner.LoadD(place, column + (4 * slot));
        kept[Skip] = default;
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
                if (TMemory.IsShared)
                {
                    owner.Copy<TPlatform>(ahead, p + (block * Block) - Tile, p + (block * Block) - Block);
                }

                ScanSums sums = default;
                FloatQuad state = states[0], next = TWidth.Channels > 1 ? states[Threads] : default;
                Return(tokens, 0, mine[Dy], shared, states, sent, state, a.P0, ref g.P0, slopes, ref sums);
                state = TWidth.Channels > 2 ? states[2 * Threads] : default;

                // Always so: a branch that ptxas cannot foresee keeps it from weaving the channels together, which would spill.
                if (TWidth.Channels > 1 && blocks > 0)
                {
                    Return(tokens, 8, mine[Dy + 8], shared, states, sent, next, a.P1, ref g.P1, slopes, ref sums);
                }

                next = TWidth.Channels > 3 ? states[3 * Threads] : default;
                if (TWidth.Channels > 2 && blocks > 0)
                {
                    Return(tokens, 16, mine[Dy + 16], shared, states, sent, state, a.P2, ref g.P2, slopes, ref sums);
                }

                if (TWidth.Channels > 3 && blocks > 0)
                {
                    Return(tokens, 24, mine[Dy + 24], shared, states, sent, next, a.P3, ref g.P3, slopes, ref sums);
                }

                // Under way while sums meet: any earlier they would take registers from what is above.
                if (!TMemory.IsShared)
                {
                    owner.Load(p + (block * Block) - Tile, p + (block * Block) - Block);
                }

                owner.LoadSkip(kept.SubView(Skip));
                TPlatform.WarpBarrier();
                ArrayView<float> met = IsLent
                    ? held.Cast<float>().SubView((((block * TWidth.Channels * Threads) + (warp * 32) + slot) * 4) + quad)
                    : own.SubView(4 * Meeting);
                FloatQuad dx = ScanOwner<TFour, TWidth>.Meet(met, IsLent ? 4 * Threads : Lanes, IsLent ? 32 : 4 * Lanes);
                FloatQuad slope = ScanOwner<TFour, TWidth>.Meet(own.SubView(4 * (Meeting + (IsLent ? 0 : 4 * Lanes))), Lanes, 4 * Lanes);
                FloatQuad skip = owner.Store(p + (block * Block), own.SubView(block * 8 * Lanes), own.SubView(4 * Dy), dx, slope, mine[SkipRate]);
                TPlatform.WarpBarrier();
                if (IsLent)
                {
                    sums.ShareLent(sentRates, states);
                }
                else
                {
                    sums.Share(sentRates);
                }

                if (TMemory.IsShared)
                {
                    owner.TakeCopies<TPlatform>(ahead);
                }

                owner.Share(own.SubView(block * 8 * Lanes), own.SubView(4 * Dy));
                TPlatform.WarpBarrier();
                owner.StoreSkip(kept.SubView(Skip), skip);
                if (IsLent)
                {
                    // The places of ScanSums.Share: token, B or C, states.
                    int ofB = (warp * OfWarp) + Meeting + ((lane >> 3) * 32);
                    int ofC = Held + (((block * TWidth.Channels) + (lane >> 3)) * Threads) + (warp * 32);
                    FloatQuad sum = ScanSums.AddLanes(memory, ((lane & 4) == 0 ? ofB : ofC) + ((lane & 3) * 8) + (lane & 7));
                    TPlatform.WarpBarrier();
                    states[0] = sum;
                }
                else
                {
                    states[0] = ScanSums.AddLanes(metRates);
                    TPlatform.WarpBarrier();
                }
            }

            WordQuad rate;
            if (TMemory.IsShared)
            {
                rate = new ScanSharer<TFour>(s.View, place, thread, first).Load(before);
                h = new ScanColumns<TFour, TWidth>(l, column, slot, first + (4 * quad)).Load(s.Checkpoints, place.Kept(l, before), place.Begin + before > 0);
            }
            else
            {
                rate = sharer.Kept(places, starts).Load(before);
                h = ScanColumns<TFour, TWidth>.Kept(l, places).Load(s.Checkpoints, place.Kept(l, before), place.Begin + before > 0);
            }

            TPlatform.Barrier();
            memory.SubView(Rates)[thread] = TFour.Widen(rate);
            ArrayView<FloatQuad> ofWarps = held.SubView((warp * TWidth.Channels * Threads) + lane);
            FloatQuad total = ofWarps[0] + ofWarps[32] + ofWarps[64] + ofWarps[96];
            TPlatform.Barrier();
            this.StoreRates(place, p, total, thread);
        }

        sent[0] = kept[Skip];
        TPlatform.WarpBarrier();
        if (quad == 0 && first == 0)
        {
            FloatQuad sum = sent[0] + sent[Lanes] + sent[2 * Lanes] + sent[3 * Lanes];

            // From registers or from memory, whichever lets ptxas keep the rest in registers.
            if (TMemory.IsShared)
            {
                TFour.StoreFloats(s.DD, (place.Strip * e) + column + (4 * slot), owns ? e - column - (4 * slot) : 0, sum);
            }
            else if (TWidth.Channels == 4)
            {
                TFour.StoreFloats(s.DD, (starts[1] * e) + column + (4 * slot), e - column - (4 * slot), sum);
            }
            else
            {
                int at = (Group.IdxX & 7) * 4, count = at < Lanes ? places[1] - at : 0;
                TFour.StoreFloats(s.DD, (starts[1] * l.Channels) + places[0] + at, count, sum);
            }
        }

        ScanStates<TWidth> dA = ScanStates<TWidth>.Kept(slopes).Times(a, Ln2);
        if (TMemory.IsShared)
        {
            new ScanColumns<TFour, TWidth>(l, column, slot, first + (4 * quad)).Store(s.DA, place.Strip * l.States * e, dA);
        }
        else
        {
            ScanColumns<TFour, TWidth>.Kept(l, places).Store(s.DA, starts[1] * l.States * (TWidth.Channels == 4 ? e : l.Channels), dA);
        }
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
        ArrayView<FloatQuad> tokens, int channel, FloatQuad dy, ArrayView<FloatQuad> rates, ArrayView<FloatQuad> states,
        ArrayView<FloatQuad> sent, FloatQuad h, FloatQuad a, ref FloatQuad g, ArrayView<FloatQuad> slope, ref ScanSums sums)
    {
        // From scratch memory it is on its way since the channel before.
        h = TMemory.IsShared ? states[channel / 8 * Threads] : h;
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
        if (IsLent)
        {
            states[channel / 8 * Threads] = dx;
            sent[channel] = slopes;
        }
        else
        {
            sent[channel] = dx;
            sent[(4 * Lanes) + channel] = slopes;
        }
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

    private void StoreRates(ScanPlace place, int p, FloatQuad sum, int thread)
    {
        // The same places as ScanSums: token, B or C, states.
        int token = p + (thread >> 3), state = first + ((thread & 3) * 4), n = s.View.Layout.States;
        if (token < place.Length && state < n)
        {
            long at = ((place.Row(token) * Grid.DimX) + Grid.IdxX) * n;
            if ((thread & 4) == 0)
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
