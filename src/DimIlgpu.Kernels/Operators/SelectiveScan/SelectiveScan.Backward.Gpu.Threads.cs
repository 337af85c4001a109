using ILGPU;

namespace DimIlgpu.Kernels;

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
    public static ScanColumns<TFour, TWidth> Kept(ScanLayout l, ArrayView<int> kept) => new(l.Channels, kept[0], kept[1], Group.IdxX & 7);

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
        // Unsigned, for whose division by a constant ptxas knows a multiplication.
        uint at = (uint)(this.slot + (8 * part)), four = (uint)Lanes / 4;
        return (int)((4 * (at % four)) + (at / four));
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

    /// <summary>Lays out those of B there and those of C where the thread's states were.</summary>
    public readonly void ShareLent(ArrayView<FloatQuad> sent, ArrayView<FloatQuad> lent)
    {
        sent[0] = this.B0;
        lent[0] = this.C0;
        sent[32] = this.B1;
        lent[ScanGroup.Threads] = this.C1;
        sent[64] = this.B2;
        lent[2 * ScanGroup.Threads] = this.C2;
        sent[96] = this.B3;
        lent[3 * ScanGroup.Threads] = this.C3;
    }

    /// <summary>The sum of eight adjacent ones from a multiple of eight on, of which eight threads each begin with another.</summary>
    public static FloatQuad AddLanes(ArrayView<FloatQuad> memory, int begin) =>
        (memory[begin] + memory[begin ^ 1] + (memory[begin ^ 2] + memory[begin ^ 3]))
        + (memory[begin ^ 4] + memory[begin ^ 5] + (memory[begin ^ 6] + memory[begin ^ 7]));

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
    private FloatQuad dD;

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
        this.dD = default;
        this.s = s;
        this.start = ((place.Row(token) * e) + column) / TFour.Unit;
        this.step = (int)place.Stride * e / TFour.Unit;
        this.count = owns ? e - column : int.MinValue;

        // By fours there are all or none: length alone says so, and count takes no register.
        this.length = (TFour.IsByFour && this.count <= 0) || token > place.Length ? 0 : place.Length - token;
        this.first = first;
    }

    /// <summary>Loads Δ and u of one of four tokens, and dy of one, ahead of their use; zeros before the first and beyond the end change no sum.</summary>
    public void Load(int p, int pOfDy)
    {
        long at = this.At(p);
        this.u = TFour.Load(this.s.View.U, at, this.Count(p));
        this.delta = TFour.Load(this.s.View.Delta, at, this.Count(p));
        this.dy = TFour.Load(this.s.Dy, this.At(pOfDy), this.Count(pOfDy));
    }

    /// <summary>The same by copies to the thread's place in shared memory.</summary>
    public readonly void Copy<TPlatform>(ArrayView<WordPair> ahead, int p, int pOfDy)
        where TPlatform : struct, IPlatform
    {
        long at = this.At(p);
        TFour.Copy(ahead, this.s.View.U, at, this.Count(p));
        TFour.Copy(ahead.SubView(TFour.Pairs * ScanGroup.Threads), this.s.View.Delta, at, this.Count(p));
        TFour.Copy(ahead.SubView(2 * TFour.Pairs * ScanGroup.Threads), this.s.Dy, this.At(pOfDy), this.Count(pOfDy));
        TPlatform.CommitCopies();
    }

    /// <summary>Waits for them.</summary>
    public void TakeCopies<TPlatform>(ArrayView<WordPair> ahead)
        where TPlatform : struct, IPlatform
    {
        TPlatform.AwaitCopies(0);
        this.u = TFour.Copied(ahead);
        this.delta = TFour.Copied(ahead.SubView(TFour.Pairs * ScanGroup.Threads));
        this.dy = TFour.Copied(ahead.SubView(2 * TFour.Pairs * ScanGroup.Threads));
    }

    /// <summary>Loads the channels' dD so far, likewise.</summary>
    public void LoadSkip(ArrayView<FloatQuad> dD) => this.dD = dD[0];

    /// <summary>Writes dD with the tokens that <see cref="Store(int, ArrayView{float}, ArrayView{float}, FloatQuad, FloatQuad, FloatQuad)"/> had.</summary>
    public readonly void StoreSkip(ArrayView<FloatQuad> dD, FloatQuad more) => dD[0] = this.dD + more;

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

    /// <summary>The sum of what four threads left for one token of the four channels.</summary>
    /// <param name="met">Where the first left it for the first.</param>
    /// <param name="channel">From one channel to the next.</param>
    /// <param name="thread">From one thread to the next.</param>
    public static FloatQuad Meet(ArrayView<float> met, int channel, int thread) =>
        Get(met, 0, channel) + Get(met, thread, channel) + Get(met, 2 * thread, channel) + Get(met, 3 * thread, channel);

    /// <summary>du and dΔ of the token, from d(Δu) and the slopes; gives what it adds to dD.</summary>
    public readonly FloatQuad Store(int p, ArrayView<float> tokens, ArrayView<float> dys, FloatQuad dx, FloatQuad slopes, FloatQuad d)
    {
        FloatQuad dt = Get(tokens, 0, Lanes), ut = Get(tokens, 4 * Lanes, Lanes), dyt = Get(dys, 0, Lanes);
        this.Store(this.s.Du, p, FloatQuad.Fma(d, dyt, dt * dx), (this.s.AddU | this.first) != 0);
        this.Store(this.s.DDelta, p, FloatQuad.Fma(ut, dx, Ln2 * slopes), (this.s.AddDelta | this.first) != 0);
        return dyt * ut;
    }

    private static void Put(ArrayView<float> slots, int at, FloatQuad value)
    {
        slots[at] = value.X;
        slots[at + Lanes] = value.Y;
        slots[at + (2 * Lanes)] = value.Z;
        slots[at + (3 * Lanes)] = value.W;
    }

    private static FloatQuad Get(ArrayView<float> slots, int at, int pitch) =>
        new(slots[at], slots[at + pitch], slots[at + (2 * pitch)], slots[at + (3 * pitch)]);

    // Floats from one of the owner's four channels to the next.
    private static int Lanes => ScanColumns<TFour, TWidth>.Lanes;

    private readonly long At(int p) => this.start + (p * this.step);

    private readonly int Count(int p) => (uint)p < (uint)this.length ? (TFour.IsByFour ? 4 : this.count) : 0;

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
        bool isC = (thread & 4) != 0;
        int token = thread >> 3, state = first + ((thread & 3) * 4), pitch = isC ? view.CPitch : view.BPitch;
        this.memory = isC ? view.C : view.B;
        this.start = ((place.Row(token) * pitch) + state) / TFour.Unit;
        this.step = (int)place.Stride * pitch / TFour.Unit;
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
