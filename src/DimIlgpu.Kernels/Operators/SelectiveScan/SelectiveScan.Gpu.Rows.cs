namespace DimIlgpu.Kernels;

/// <summary>Channels of a thread, as a type argument.</summary>
internal interface IScanWidth
{
    /// <summary>How many: one or three in the forward pass, where they are 32 apart, and up to four in the backward one.</summary>
    static abstract int Channels { get; }

    /// <summary>Whether in the forward pass a thread has all of its channels and a tile all of its tokens: nothing is compared or cut.</summary>
    static virtual bool IsWhole => false;
}

internal readonly struct OneChannel : IScanWidth
{
    public static int Channels => 1;
}

internal readonly struct ThreeWholeChannels : IScanWidth
{
    public static int Channels => 3;

    public static bool IsWhole => true;
}

internal readonly struct ThreeChannels : IScanWidth
{
    public static int Channels => 3;
}

internal readonly struct FourChannels : IScanWidth
{
    public static int Channels => 4;
}

/// <summary>What a thread has of each of its channels; what is beyond their number is never written and takes no register.</summary>
internal struct ScanEach<T>
    where T : unmanaged
{
    public T P0, P1, P2;
}

/// <summary>Four tokens of a thread's channels in memory, as it loads and stores them.</summary>
/// <remarks>
/// What is loaded ahead stays as it is stored until it is used, and no load stands under a condition that could wait for it:
/// tokens beyond the end load the last, and channels beyond the last load the first of the thread's. <see cref="Cut"/> makes
/// zeros of such tokens. A strip starts at a long index; within it an int counts elements upwards from its lowest row.
/// </remarks>
internal readonly struct ScanRows<TElement, TWidth>
    where TElement : struct, IElement
    where TWidth : struct, IScanWidth
{
    private const int Lanes = 32;

    /// <summary>The lowest row of the strip, at the first of the thread's channels.</summary>
    public readonly long Start;
    private readonly int first;
    private readonly int step;
    private readonly int length;
    private readonly int count;
    private readonly int lastTile;

    /// <param name="l">The sizes.</param>
    /// <param name="place">The strip.</param>
    /// <param name="column">The first of the channels.</param>
    /// <param name="token">The first of the four tokens, counted from that of a tile.</param>
    /// <param name="isReturn">Whether the strip's tokens run from its last to its first.</param>
    public ScanRows(ScanLayout l, ScanPlace place, int column, int token, bool isReturn)
    {
        int e = l.Channels;
        bool isUp = isReturn != (place.Stride > 0);
        this.count = column < e ? (e - column + Lanes - 1) / Lanes : 0;
        this.length = place.Length - token;
        this.lastTile = place.Length - ScanGroup.Tile;
        this.step = isUp ? e : -e;
        this.first = (isUp ? token : place.Length - 1 - token) * e;
        this.Start = (place.Row(place.Stride > 0 ? 0 : place.Length - 1) * e) + (column < e ? column : e - 1);
    }

    /// <summary>Loads the tokens of the tile at <paramref name="p"/>.</summary>
    /// <param name="memory">The tensor from <see cref="Start"/> on.</param>
    /// <param name="p">The tile's first token.</param>
    public ScanEach<WordQuad> Load(Floats memory, int p)
    {
        ScanEach<WordQuad> q = default;
        if (TWidth.IsWhole)
        {
            int at = this.At(p < this.lastTile ? p : this.lastTile), second = at + this.step, third = second + this.step, fourth = third + this.step;
            q.P0 = Load(memory, at, second, third, fourth, 0);
            q.P1 = Load(memory, at, second, third, fourth, Lanes);
            q.P2 = Load(memory, at, second, third, fourth, 2 * Lanes);
            return q;
        }

        int x = this.Row(p, 0), y = this.Row(p, 1), z = this.Row(p, 2), w = this.Row(p, 3);
        if (this.count >= TWidth.Channels)
        {
            q.P0 = Load(memory, x, y, z, w, 0);
            q.P1 = TWidth.Channels > 1 ? Load(memory, x, y, z, w, Lanes) : default;
            q.P2 = TWidth.Channels > 2 ? Load(memory, x, y, z, w, 2 * Lanes) : default;
        }
        else
        {
            q.P0 = Load(memory, x, y, z, w, 0);
            q.P1 = TWidth.Channels > 2 && this.count > 1 ? Load(memory, x, y, z, w, Lanes) : q.P0;
            q.P2 = q.P0;
        }

        return q;
    }

    /// <summary>The tokens of the tile at <paramref name="p"/>, those beyond the end made 0.</summary>
    public FloatQuad Cut(FloatQuad q, int p)
    {
        int left = this.length - p;
        return new(left > 0 ? q.X : 0f, left > 1 ? q.Y : 0f, left > 2 ? q.Z : 0f, left > 3 ? q.W : 0f);
    }

    /// <summary>Stores them; with <paramref name="add"/>, adds them to what is there.</summary>
    public void Store(Floats memory, int p, ScanEach<FloatQuad> value, bool add)
    {
        if (add)
        {
            ScanEach<WordQuad> there = this.Load(memory, p);
            value.P0 += Widen(there.P0);
            value.P1 += Widen(there.P1);
            value.P2 += Widen(there.P2);
        }

        int left = this.length - p;
        if (TWidth.IsWhole || (left > 3 && this.count >= TWidth.Channels))
        {
            int x = this.At(p), y = this.At(p + 1), z = this.At(p + 2), w = this.At(p + 3);
            Store(memory, x, y, z, w, 0, value.P0);
            if (TWidth.Channels > 1)
            {
                Store(memory, x, y, z, w, Lanes, value.P1);
            }

            if (TWidth.Channels > 2)
            {
                Store(memory, x, y, z, w, 2 * Lanes, value.P2);
            }

            return;
        }

        if (left > 0)
        {
            this.Store(memory, this.At(p), value.P0.X, value.P1.X, value.P2.X);
        }

        if (left > 1)
        {
            this.Store(memory, this.At(p + 1), value.P0.Y, value.P1.Y, value.P2.Y);
        }

        if (left > 2)
        {
            this.Store(memory, this.At(p + 2), value.P0.Z, value.P1.Z, value.P2.Z);
        }

        if (left > 3)
        {
            this.Store(memory, this.At(p + 3), value.P0.W, value.P1.W, value.P2.W);
        }
    }

    /// <summary>What <see cref="Load(Floats, int)"/> brought of one channel, as float32.</summary>
    public static FloatQuad Widen(WordQuad q) =>
        new(TElement.Widen(q.X), TElement.Widen(q.Y), TElement.Widen(q.Z), TElement.Widen(q.W));

    private static WordQuad Load(Floats memory, int x, int y, int z, int w, int offset) => new()
    {
        X = TElement.Load(memory, x, offset),
        Y = TElement.Load(memory, y, offset),
        Z = TElement.Load(memory, z, offset),
        W = TElement.Load(memory, w, offset),
    };

    private static void Store(Floats memory, int x, int y, int z, int w, int offset, FloatQuad value)
    {
        TElement.Store(memory, x, offset, value.X);
        TElement.Store(memory, y, offset, value.Y);
        TElement.Store(memory, z, offset, value.Z);
        TElement.Store(memory, w, offset, value.W);
    }

    private void Store(Floats memory, int at, float x, float y, float z)
    {
        if (this.count > 0)
        {
            TElement.Store(memory, at, 0, x);
        }

        if (TWidth.Channels > 1 && this.count > 1)
        {
            TElement.Store(memory, at, Lanes, y);
        }

        if (TWidth.Channels > 2 && this.count > 2)
        {
            TElement.Store(memory, at, 2 * Lanes, z);
        }
    }

    private int Row(int p, int token)
    {
        int last = this.length - 1 - p;
        return this.At(p + (token < last ? token : last));
    }

    private int At(int p) => this.first + (p * this.step);
}

/// <summary>Four states of the B or C of one token, as a thread loads them ahead.</summary>
internal readonly struct ScanRates<TElement>
    where TElement : struct, IElement
{
    private readonly Floats memory;
    private readonly long start;
    private readonly int step;
    private readonly int length;
    private readonly bool isThere;

    /// <param name="view">The inputs.</param>
    /// <param name="place">The strip.</param>
    /// <param name="token">The token, counted from the first of a tile.</param>
    /// <param name="isC">C, or B.</param>
    /// <param name="state">The first of the states.</param>
    /// <param name="isReturn">Whether the strip's tokens run from its last to its first.</param>
    public ScanRates(ScanView view, ScanPlace place, int token, bool isC, int state, bool isReturn)
    {
        int pitch = isC ? view.CPitch : view.BPitch;
        long stride = isReturn ? -place.Stride : place.Stride;
        this.memory = isC ? view.C : view.B;
        this.length = place.Length - token;
        this.isThere = state < view.Layout.States;
        this.step = (int)stride * pitch;
        this.start = ((place.Row(isReturn ? place.Length - 1 : 0) + (token * stride)) * pitch) + (this.isThere ? state : 0);
    }

    /// <summary>Loads those of the tile at <paramref name="p"/>, or of the last token.</summary>
    public WordQuad Load(int p)
    {
        int last = this.length - 1;
        long at = this.start + ((long)(p < last ? p : last) * this.step);
        return new()
        {
            X = TElement.Load(this.memory, at, 0),
            Y = TElement.Load(this.memory, at, 1),
            Z = TElement.Load(this.memory, at, 2),
            W = TElement.Load(this.memory, at, 3),
        };
    }

    /// <summary>What was loaded for the tile at <paramref name="p"/>, as float32; 0 beyond the end and the states.</summary>
    public FloatQuad Widen(WordQuad q, int p) => this.isThere && p < this.length
        ? new(TElement.Widen(q.X), TElement.Widen(q.Y), TElement.Widen(q.Z), TElement.Widen(q.W))
        : default;
}
