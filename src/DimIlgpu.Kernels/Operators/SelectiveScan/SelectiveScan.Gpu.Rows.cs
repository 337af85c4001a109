namespace DimIlgpu.Kernels;

/// <summary>Four adjacent tokens of one channel in memory, as a thread loads and stores them.</summary>
/// <remarks>
/// The backward direction reads memory from the end to the start. Its four tokens are the same four rows, turned round in
/// registers, so that addresses are a base and offsets that never change.
/// </remarks>
internal readonly struct ScanRows<TElement>
    where TElement : struct, IElement
{
    /// <summary>The lowest of the four rows at token 0.</summary>
    public readonly long Start;

    /// <summary>From a token to the next, in elements.</summary>
    public readonly int Step;
    private readonly int pitch;
    private readonly int token;
    private readonly int length;

    /// <summary>Whether there is such a channel.</summary>
    public readonly bool IsThere;

    /// <param name="l">The sizes.</param>
    /// <param name="place">The strip.</param>
    /// <param name="column">The channel; one beyond the last loads the last and stores nothing.</param>
    /// <param name="token">The first of the four tokens, counted from that of a tile.</param>
    /// <param name="isReturn">Whether the strip's tokens run from its last to its first.</param>
    public ScanRows(ScanLayout l, ScanPlace place, int column, int token, bool isReturn)
    {
        int e = l.Channels;
        long stride = isReturn ? -place.Stride : place.Stride;
        this.IsThere = column < e;
        this.pitch = e;
        this.token = token;
        this.length = place.Length;
        this.Step = (int)stride * e;
        this.Start = ((place.Row(isReturn ? place.Length - 1 : 0) + ((token + (stride < 0 ? 3 : 0)) * stride)) * e)
            + (this.IsThere ? column : e - 1);
    }

    /// <summary>Loads the tokens of the tile at <paramref name="p"/>, whose lowest row is at <paramref name="at"/>; 0 beyond the end.</summary>
    public FloatQuad Load(Floats memory, int p, long at)
    {
        FloatQuad q = default;
        int left = this.length - p - this.token;
        if (left >= 4)
        {
            q.X = TElement.Load(memory, at, 0);
            q.Y = TElement.Load(memory, at, this.pitch);
            q.Z = TElement.Load(memory, at, 2 * this.pitch);
            q.W = TElement.Load(memory, at, 3 * this.pitch);
        }
        else
        {
            q.X = this.Has(0, left) ? TElement.Load(memory, at, 0) : 0f;
            q.Y = this.Has(1, left) ? TElement.Load(memory, at, this.pitch) : 0f;
            q.Z = this.Has(2, left) ? TElement.Load(memory, at, 2 * this.pitch) : 0f;
            q.W = this.Has(3, left) ? TElement.Load(memory, at, 3 * this.pitch) : 0f;
        }

        return (this.Step < 0) ? new(q.W, q.Z, q.Y, q.X) : q;
    }

    /// <summary>Stores them; with <paramref name="add"/>, adds them to what is there.</summary>
    public void Store(Floats memory, int p, long at, FloatQuad value, bool add)
    {
        int left = this.length - p - this.token;
        if (!this.IsThere)
        {
            return;
        }

        if (add)
        {
            value += this.Load(memory, p, at);
        }

        FloatQuad q = (this.Step < 0) ? new(value.W, value.Z, value.Y, value.X) : value;
        if (left >= 4)
        {
            TElement.Store(memory, at, 0, q.X);
            TElement.Store(memory, at, this.pitch, q.Y);
            TElement.Store(memory, at, 2 * this.pitch, q.Z);
            TElement.Store(memory, at, 3 * this.pitch, q.W);
            return;
        }

        if (this.Has(0, left))
        {
            TElement.Store(memory, at, 0, q.X);
        }

        if (this.Has(1, left))
        {
            TElement.Store(memory, at, this.pitch, q.Y);
        }

        if (this.Has(2, left))
        {
            TElement.Store(memory, at, 2 * this.pitch, q.Z);
        }

        if (this.Has(3, left))
        {
            TElement.Store(memory, at, 3 * this.pitch, q.W);
        }
    }

    private bool Has(int row, int left) => ((this.Step < 0) ? 3 - row : row) < left;
}

/// <summary>States of the B or C of one token, as a thread loads them.</summary>
internal readonly struct ScanRates<TElement>
    where TElement : struct, IElement
{
    /// <summary>Where token 0 is.</summary>
    public readonly long Start;

    /// <summary>From a token to the next, in elements.</summary>
    public readonly int Step;
    private readonly Floats memory;
    private readonly int token;
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
        this.token = token;
        this.length = place.Length;
        this.isThere = state < view.Layout.States;
        this.Step = (int)stride * pitch;
        this.Start = ((place.Row(isReturn ? place.Length - 1 : 0) + (token * stride)) * pitch) + state;
    }

    /// <summary>Loads four states of the tile at <paramref name="p"/>, at <paramref name="at"/>; 0 beyond the end and the states.</summary>
    public FloatQuad Load(int p, long at)
    {
        FloatQuad q = default;
        if (this.isThere && p + this.token < this.length)
        {
            q.X = TElement.Load(this.memory, at, 0);
            q.Y = TElement.Load(this.memory, at, 1);
            q.Z = TElement.Load(this.memory, at, 2);
            q.W = TElement.Load(this.memory, at, 3);
        }

        return q;
    }

    /// <summary>Loads one state.</summary>
    /// <inheritdoc cref="Load"/>
    public float LoadOne(int p, long at) =>
        this.isThere && p + this.token < this.length ? TElement.Load(this.memory, at, 0) : 0f;
}
