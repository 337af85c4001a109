using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>What a pass over the tokens of a strip yields.</summary>
internal interface IScanPass
{
    /// <summary>Whether only the fold of the maps is wanted, and no y.</summary>
    static abstract bool IsFold { get; }

    /// <summary>Whether the adjoints are folded: from the last token to the first, C·dy in the place of B·Δu.</summary>
    static abstract bool IsAdjoint { get; }
}

internal readonly struct ForwardPass : IScanPass
{
    public static bool IsFold => false;

    public static bool IsAdjoint => false;
}

internal readonly struct FoldPass : IScanPass
{
    public static bool IsFold => true;

    public static bool IsAdjoint => false;
}

internal readonly struct AdjointFoldPass : IScanPass
{
    public static bool IsFold => true;

    public static bool IsAdjoint => true;
}

/// <summary>What a pass of <see cref="ScanGroups{TElement, TPass, TWidth}"/> reads and writes beside the inputs.</summary>
/// <param name="dy">Gradient of y, where adjoints are folded.</param>
/// <param name="y">Receives y, or with folds their ΣΔ.</param>
/// <param name="states">The states between segments, or with folds the folds.</param>
/// <param name="keep">1 to keep the state before each segment.</param>
/// <param name="first">The first of the 16 states to run.</param>
internal readonly struct ScanPassView(Floats dy, Floats y, Floats states, int keep, int first = 0)
{
    public readonly Floats Dy = dy;
    public readonly Floats Y = y;
    public readonly Floats States = states;
    public readonly int Keep = keep;
    public readonly int First = first;

    /// <summary>The same for other states.</summary>
    public ScanPassView From(int state) => new(this.Dy, this.Y, this.States, this.Keep, state);
}

/// <summary>GPU: a group is a strip and some of its channels, 32 for each of a thread; a channel's 16 states are four threads' registers.</summary>
/// <remarks>
/// <para>
/// As loaders, the threads fetch 16 tokens ahead: a warp reads 32 adjacent channels, a thread four tokens of one of them, and
/// the loads of the next tile are under way while this one is computed. As computers, eight adjacent threads have the same
/// four states, so that B and C are one read of 16 bytes that they share and that serves all channels of a thread. The sums
/// over states meet in shared memory, in the place of the thread that loaded u, which adds D u and stores y. Nothing needs a
/// warp.
/// </para>
/// <para>
/// Shared memory returns 128 bytes a clock whoever shares them: a thread of one channel waits for B and C longer than for
/// its exponentials, one of three does not. One of one is for folds, which read no C, for scans with few groups, and for
/// devices of little shared memory: 14 KB a group, where three channels a thread take 38.
/// </para>
/// </remarks>
[KernelInstance(typeof(Float32Element), typeof(ForwardPass), typeof(OneChannel))]
[KernelInstance(typeof(Float32Element), typeof(FoldPass), typeof(OneChannel))]
[KernelInstance(typeof(Float32Element), typeof(AdjointFoldPass), typeof(OneChannel))]
[KernelInstance(typeof(BFloat16Element), typeof(ForwardPass), typeof(OneChannel))]
[KernelInstance(typeof(BFloat16Element), typeof(FoldPass), typeof(OneChannel))]
[KernelInstance(typeof(BFloat16Element), typeof(AdjointFoldPass), typeof(OneChannel))]
[KernelInstance(typeof(Float32Element), typeof(ForwardPass), typeof(ThreeChannels))]
[KernelInstance(typeof(BFloat16Element), typeof(ForwardPass), typeof(ThreeChannels))]
[KernelInstance(typeof(Float32Element), typeof(ForwardPass), typeof(ThreeWholeChannels))]
[KernelInstance(typeof(BFloat16Element), typeof(ForwardPass), typeof(ThreeWholeChannels))]
internal readonly struct ScanGroups<TElement, TPass, TWidth>(ScanView view, ScanPassView pass) : IGroupKernel
    where TElement : struct, IElement
    where TPass : struct, IScanPass
    where TWidth : struct, IScanWidth
{
    private const int Lanes = 32;
    private const int Threads = ScanGroup.Threads;
    private const int Tile = ScanGroup.Tile;
    private const int Blocks = Tile / 4;

    public static int GroupsPerProcessor => TWidth.Channels == 3 ? 3 : TPass.IsFold ? 4 : 5;

    public static int ThreadsPerGroup => Threads;

    /// <summary>Channels of a group.</summary>
    public static int Channels => Lanes * TWidth.Channels;

    // Shared memory. Four tokens of a channel are one element: Δ, then what drives the state, then the sums for y by four
    // states; B and C by token.
    private static int Drives => Blocks * Channels;

    private static int Sums => 2 * Drives;

    private static int Rates => Sums + (TPass.IsFold ? 0 : 4 * Drives);

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> memory = SharedMemory.Allocate<FloatQuad>(Rates + Threads);
        ScanLayout l = view.Layout;
        ScanPlace place = new(l, Grid.IdxY, Grid.IdxZ);
        int thread = Group.IdxX, lane = thread % Lanes, warp = thread / Lanes, e = l.Channels, length = place.Length;
        int owned = (Grid.IdxX * Channels) + lane;
        ScanRows<TElement, TWidth> rows = new(l, place, owned, warp * 4, TPass.IsAdjoint);
        ScanRates<TElement> rateRows = new(
            view, place, token: thread / 8, isC: thread % 8 >= 4, pass.First + (thread % 4 * 4), TPass.IsAdjoint);
        Floats drives = (TPass.IsAdjoint ? pass.Dy : view.U).From(rows.Start), deltas = view.Delta.From(rows.Start);
        Floats to = TPass.IsFold ? default : pass.Y.From(rows.Start);
        ScanEach<WordQuad> drive = rows.Load(drives, 0), delta = rows.Load(deltas, 0);
        WordQuad rate = rateRows.Load(0);

        // The states before these 16 gave D u already.
        long skipAt = ((long)place.Direction * e) + owned;
        ScanEach<float> d = default;
        d.P0 = pass.First == 0 && owned < e ? ThreadLane.Read(view.D, skipAt) : 0f;
        d.P1 = TWidth.Channels > 1 && pass.First == 0 && owned + Lanes < e ? ThreadLane.Read(view.D, skipAt + Lanes) : 0f;
        d.P2 = TWidth.Channels > 2 && pass.First == 0 && owned + (2 * Lanes) < e ? ThreadLane.Read(view.D, skipAt + (2 * Lanes)) : 0f;

        int channel = (lane % 8) + (warp * 8), quad = lane / 8, state = pass.First + (4 * quad);
        int column = (Grid.IdxX * Channels) + channel;
        int active = state < l.States ? e - column : 0;
        ScanEach<FloatQuad> a = LoadRates(view.ALog, ((((long)place.Direction * l.States) + state) * e) + column, e, active), h = default;
        ScanEach<float> sum = default;
        if (!TPass.IsFold && place.Begin > 0)
        {
            long flow = pass.Keep != 0 ? place.Kept(l, 0) : place.Strip * l.States * e;
            h = LoadStates(pass.States, flow + ((long)state * e) + column, e, active);
        }

        // Views that start where this thread reads and writes: what is added to them below is constant.
        ArrayView<FloatQuad> mine = memory.SubView((warp * Channels) + lane), tokens = memory.SubView(channel);
        ArrayView<FloatQuad> rates = memory.SubView(Rates + quad), ownRate = memory.SubView(Rates + thread);
        ArrayView<FloatQuad> ys = memory.SubView(TPass.IsFold ? 0 : Sums + (quad * Drives) + channel);
        ArrayView<FloatQuad> owns = memory.SubView(TPass.IsFold ? 0 : Sums + (warp * Channels) + lane);
        ScanEach<FloatQuad> us = Share(rows, mine, drive, delta, 0, !TWidth.IsWhole && Tile > length);
        ownRate[0] = rateRows.Widen(rate, 0);
        for (int p = 0; p < length; p += Tile)
        {
            TPlatform.Barrier();
            drive = rows.Load(drives, p + Tile);
            delta = rows.Load(deltas, p + Tile);
            rate = rateRows.Load(p + Tile);
            if (!TPass.IsFold && p > 0 && pass.Keep != 0)
            {
                StoreStates(pass.States, place.Kept(l, p) + ((long)state * e) + column, e, active, h);
            }

            ScanFour four = LoadFour(tokens, rates, 0);
            ScanEach<FloatQuad> y = Four(four, rates, 0, a, ref h, ref sum);
            four = Turn(tokens, rates, ys, 1, y);
            y = Four(four, rates, 1, a, ref h, ref sum);
            four = Turn(tokens, rates, ys, 2, y);
            y = Four(four, rates, 2, a, ref h, ref sum);
            four = Turn(tokens, rates, ys, 3, y);
            y = Four(four, rates, 3, a, ref h, ref sum);
            Leave(ys, 3, y);
            TPlatform.Barrier();
            if (!TPass.IsFold)
            {
                us.P0 = FloatQuad.Fma(d.P0, us.P0, Sum(owns));
                if (TWidth.Channels > 1)
                {
                    us.P1 = FloatQuad.Fma(d.P1, us.P1, Sum(owns.SubView(Lanes)));
                }

                if (TWidth.Channels > 2)
                {
                    us.P2 = FloatQuad.Fma(d.P2, us.P2, Sum(owns.SubView(2 * Lanes)));
                }

                rows.Store(to, p, us, pass.First != 0);
            }

            // Here, where no register of what was loaded lives on into the next turn. After the last tile nobody reads it.
            us = Share(rows, mine, drive, delta, p + Tile, !TWidth.IsWhole && p + (2 * Tile) > length);
            ownRate[0] = rateRows.Widen(rate, p + Tile);
        }

        if (TPass.IsFold)
        {
            StoreStates(pass.States, (((place.Strip * l.States) + state) * e) + column, e, active, h);
            if (state == 0)
            {
                StoreSums(pass.Y, (place.Strip * e) + column, active, sum);
            }
        }
    }

    /// <summary>Hands four tokens of its channels to the group, and gives what drives them.</summary>
    private static ScanEach<FloatQuad> Share(
        ScanRows<TElement, TWidth> rows, ArrayView<FloatQuad> mine, ScanEach<WordQuad> drive, ScanEach<WordQuad> delta, int p, bool isCut)
    {
        ScanEach<FloatQuad> us = default;
        us.P0 = Share(rows, mine, drive.P0, delta.P0, p, isCut);
        if (TWidth.Channels > 1)
        {
            us.P1 = Share(rows, mine.SubView(Lanes), drive.P1, delta.P1, p, isCut);
        }

        if (TWidth.Channels > 2)
        {
            us.P2 = Share(rows, mine.SubView(2 * Lanes), drive.P2, delta.P2, p, isCut);
        }

        return us;
    }

    /// <summary>The same for one of them.</summary>
    private static FloatQuad Share(
        ScanRows<TElement, TWidth> rows, ArrayView<FloatQuad> mine, WordQuad drive, WordQuad delta, int p, bool isCut)
    {
        FloatQuad x = ScanRows<TElement, TWidth>.Widen(drive), dt = ScanRows<TElement, TWidth>.Widen(delta);
        if (isCut)
        {
            dt = rows.Cut(dt, p);
        }

        mine[0] = dt;
        mine[Drives] = TPass.IsAdjoint ? x : dt * x;
        return x;
    }

    /// <summary>Leaves the sums of four tokens and reads what the next begin with.</summary>
    /// <remarks>What is read after a write waits for it. Whole channels and tiles leave registers for reading first.</remarks>
    private static ScanFour Turn(ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> rates, ArrayView<FloatQuad> ys, int block, ScanEach<FloatQuad> y)
    {
        if (TWidth.IsWhole)
        {
            ScanFour four = LoadFour(tokens, rates, block);
            Leave(ys, block - 1, y);
            return four;
        }

        Leave(ys, block - 1, y);
        return LoadFour(tokens, rates, block);
    }

    /// <summary>What a thread reads first of four tokens.</summary>
    private static ScanFour LoadFour(ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> rates, int block)
    {
        int at = block * Channels;
        ScanFour four = default;
        four.B = rates[32 * block];
        four.C = rates[(32 * block) + 4];
        four.Delta.P0 = tokens[at];
        four.Drive.P0 = tokens[Drives + at];
        if (TWidth.Channels > 1)
        {
            four.Delta.P1 = tokens[at + Lanes];
            four.Drive.P1 = tokens[Drives + at + Lanes];
        }

        if (TWidth.Channels > 2)
        {
            four.Delta.P2 = tokens[at + (2 * Lanes)];
            four.Drive.P2 = tokens[Drives + at + (2 * Lanes)];
        }

        return four;
    }

    /// <summary>Four tokens of all channels of the thread.</summary>
    private static ScanEach<FloatQuad> Four(
        ScanFour four, ArrayView<FloatQuad> rates, int block, ScanEach<FloatQuad> a, ref ScanEach<FloatQuad> h, ref ScanEach<float> sum)
    {
        ScanFourRates r = new(four, rates.SubView(32 * block));
        ScanEach<FloatQuad> y = default;
        y.P0 = Four(four.Delta.P0, four.Drive.P0, r, a.P0, ref h.P0, ref sum.P0);
        if (TWidth.Channels > 1)
        {
            y.P1 = Four(four.Delta.P1, four.Drive.P1, r, a.P1, ref h.P1, ref sum.P1);
        }

        if (TWidth.Channels > 2)
        {
            y.P2 = Four(four.Delta.P2, four.Drive.P2, r, a.P2, ref h.P2, ref sum.P2);
        }

        return y;
    }

    /// <summary>Leaves the sums of four tokens where they are added up.</summary>
    private static void Leave(ArrayView<FloatQuad> ys, int block, ScanEach<FloatQuad> y)
    {
        int at = block * Channels;
        if (!TPass.IsFold)
        {
            ys[at] = y.P0;
        }

        if (!TPass.IsFold && TWidth.Channels > 1)
        {
            ys[at + Lanes] = y.P1;
        }

        if (!TPass.IsFold && TWidth.Channels > 2)
        {
            ys[at + (2 * Lanes)] = y.P2;
        }
    }

    /// <summary>Four tokens of one of them.</summary>
    private static FloatQuad Four(FloatQuad dt, FloatQuad x, ScanFourRates r, FloatQuad a, ref FloatQuad h, ref float sum)
    {
        FloatQuad y = default;
        y.X = Step(ref h, a, dt.X, x.X, r.B0, r.C0);
        y.Y = Step(ref h, a, dt.Y, x.Y, r.B1, r.C1);
        y.Z = Step(ref h, a, dt.Z, x.Z, r.B2, r.C2);
        y.W = Step(ref h, a, dt.W, x.W, r.B3, r.C3);
        if (TPass.IsFold)
        {
            sum += (dt.X + dt.Y) + (dt.Z + dt.W);
        }

        return y;
    }

    private static float Step(ref FloatQuad h, FloatQuad a, float delta, float x, FloatQuad b, FloatQuad c)
    {
        FloatQuad decay = FloatQuad.Exp2(delta, a);
        if (TPass.IsAdjoint)
        {
            // An adjoint receives its token's term and then decays on its way back.
            h = decay * FloatQuad.Fma(x, c, h);
            return 0f;
        }

        h = FloatQuad.Fma(decay, h, x * b);
        return FloatQuad.Dot(h, c);
    }

    /// <summary>The sum over all states of four tokens of a channel.</summary>
    private static FloatQuad Sum(ArrayView<FloatQuad> owns) =>
        owns[0] + owns[Drives] + owns[2 * Drives] + owns[3 * Drives];

    /// <summary>A in the unit of 2^x, from ln(−A); what is not there has some decay, which meets no B and is not kept.</summary>
    private static ScanEach<FloatQuad> LoadRates(Floats memory, long at, int pitch, int active)
    {
        ScanEach<FloatQuad> q = memory.IsNarrow != 0 ? LoadNarrow(memory, at, pitch, active) : LoadStates(memory, at, pitch, active);
        q.P0 = Rate(q.P0);
        q.P1 = TWidth.Channels > 1 ? Rate(q.P1) : default;
        q.P2 = TWidth.Channels > 2 ? Rate(q.P2) : default;
        return q;
    }

    private static ScanEach<FloatQuad> LoadNarrow(Floats memory, long at, int pitch, int active)
    {
        ScanEach<FloatQuad> q = default;
        q.P0 = active > 0 ? LoadNarrow(memory, at, pitch) : default;
        q.P1 = TWidth.Channels > 1 && active > Lanes ? LoadNarrow(memory, at + Lanes, pitch) : default;
        q.P2 = TWidth.Channels > 2 && active > 2 * Lanes ? LoadNarrow(memory, at + (2 * Lanes), pitch) : default;
        return q;
    }

    private static FloatQuad LoadNarrow(Floats memory, long at, int pitch) => new(
        ThreadLane.Read(memory, at), ThreadLane.Read(memory, at + pitch), ThreadLane.Read(memory, at + (2L * pitch)),
        ThreadLane.Read(memory, at + (3L * pitch)));

    private static FloatQuad Rate(FloatQuad aLog) => -SpecialFunctions.LogTwoE * FloatQuad.Exp2(SpecialFunctions.LogTwoE, aLog);

    private static ScanEach<FloatQuad> LoadStates(Floats memory, long at, int pitch, int active)
    {
        ScanEach<FloatQuad> q = default;
        if (active > 0)
        {
            q.P0 = FloatQuad.Load(memory, at, pitch);
        }

        if (TWidth.Channels > 1 && active > Lanes)
        {
            q.P1 = FloatQuad.Load(memory, at + Lanes, pitch);
        }

        if (TWidth.Channels > 2 && active > 2 * Lanes)
        {
            q.P2 = FloatQuad.Load(memory, at + (2 * Lanes), pitch);
        }

        return q;
    }

    private static void StoreStates(Floats memory, long at, int pitch, int active, ScanEach<FloatQuad> q)
    {
        if (active > 0)
        {
            FloatQuad.Store(memory, at, pitch, q.P0);
        }

        if (TWidth.Channels > 1 && active > Lanes)
        {
            FloatQuad.Store(memory, at + Lanes, pitch, q.P1);
        }

        if (TWidth.Channels > 2 && active > 2 * Lanes)
        {
            FloatQuad.Store(memory, at + (2 * Lanes), pitch, q.P2);
        }
    }

    private static void StoreSums(Floats memory, long at, int active, ScanEach<float> sum)
    {
        if (active > 0)
        {
            memory.View[at] = sum.P0;
        }

        if (TWidth.Channels > 1 && active > Lanes)
        {
            memory.View[at + Lanes] = sum.P1;
        }

        if (TWidth.Channels > 2 && active > 2 * Lanes)
        {
            memory.View[at + (2 * Lanes)] = sum.P2;
        }
    }
}

/// <summary>What a thread reads first of four tokens: Δ and what drives the state of its channels, and B and C of the first token.</summary>
internal struct ScanFour
{
    public ScanEach<FloatQuad> Delta, Drive;
    public FloatQuad B, C;
}

/// <summary>Four states of the B and C of four tokens.</summary>
internal readonly struct ScanFourRates(ScanFour first, ArrayView<FloatQuad> rates)
{
    public readonly FloatQuad B0 = first.B;
    public readonly FloatQuad C0 = first.C;
    public readonly FloatQuad B1 = rates[8];
    public readonly FloatQuad C1 = rates[12];
    public readonly FloatQuad B2 = rates[16];
    public readonly FloatQuad C2 = rates[20];
    public readonly FloatQuad B3 = rates[24];
    public readonly FloatQuad C3 = rates[28];
}
