using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>What both passes read, and how the tokens are laid over groups.</summary>
/// <remarks>
/// A group is <see cref="Teams"/> adjacent strips of tokens and 64 channels. A strip is a chunk of one sample's tokens and
/// 32 threads of two channels each: what they load at once is adjacent, 128 bytes of bfloat16.
/// </remarks>
internal readonly struct CausalLayout(
    Floats x, Floats weight, Floats bias, int xPitch, int channels, int width, int length, int chunk, Divisor chunks, Divisor channelGroups,
    long rows, int strips)
{
    public const int Team = 32;
    public const int Teams = 4;
    public const int ChannelsPerGroup = 2 * Team;

    public readonly Floats X = x;
    public readonly int Pitch = xPitch;
    public readonly int Channels = channels;
    public readonly int Width = width;
    public readonly int Length = length;
    public readonly int Chunk = chunk;
    public readonly Divisor Chunks = chunks;
    public readonly long Rows = rows;
    public readonly int Strips = strips;

    /// <summary>Groups side by side, which are launched one after another so that they share rows of memory.</summary>
    public readonly Divisor ChannelGroups = channelGroups;

    /// <summary>The taps and biases of two channels; the first taps of a narrower filter are zero.</summary>
    public CausalFilter Filter(int column) => new()
    {
        F0 = this.Tap(0, 0, column),
        F1 = this.Tap(0, 1, column),
        F2 = this.Tap(0, 2, column),
        F3 = this.Tap(0, 3, column),
        B0 = this.Tap(1, 0, column),
        B1 = this.Tap(1, 1, column),
        B2 = this.Tap(1, 2, column),
        B3 = this.Tap(1, 3, column),
        FBias = FloatPair.Of(bias)[column / 2],
        BBias = FloatPair.Of(bias)[(this.Channels + column) / 2],
    };

    private FloatPair Tap(int direction, int tap, int column)
    {
        int k = tap + this.Width - 4;
        return k < 0 ? default : FloatPair.Of(weight)[((((direction * this.Width) + k) * this.Channels) + column) / 2];
    }
}

/// <summary>The taps and biases of two channels.</summary>
internal struct CausalFilter
{
    public FloatPair F0, F1, F2, F3, B0, B1, B2, B3, FBias, BBias;

    /// <summary>The forward direction's sum at the last of four tokens.</summary>
    public readonly FloatPair Forward(FloatPair x0, FloatPair x1, FloatPair x2, FloatPair x3) =>
        Sum(this.FBias, this.F0, this.F1, this.F2, this.F3, x0, x1, x2, x3);

    /// <summary>The backward direction's sum at the first of four tokens.</summary>
    public readonly FloatPair Backward(FloatPair x0, FloatPair x1, FloatPair x2, FloatPair x3) =>
        Sum(this.BBias, this.B0, this.B1, this.B2, this.B3, x3, x2, x1, x0);

    /// <summary>The farthest token first in both directions, so that they agree to the bit.</summary>
    public static FloatPair Sum(
        FloatPair bias, FloatPair w0, FloatPair w1, FloatPair w2, FloatPair w3, FloatPair x0, FloatPair x1, FloatPair x2, FloatPair x3) =>
        FloatPair.Fma(w3, x3, FloatPair.Fma(w2, x2, FloatPair.Fma(w1, x1, FloatPair.Fma(w0, x0, bias))));
}

/// <summary>Which tokens and channels a thread has.</summary>
internal readonly struct CausalPlace
{
    /// <summary>The first of its two channels.</summary>
    public readonly int Column;

    /// <summary>Whether there are such a strip and such channels.</summary>
    public readonly bool IsThere;

    /// <summary>The strip's first token, as a row of x.</summary>
    public readonly long Row;

    /// <summary>Tokens of the sample before the strip that are read, 0 or 3.</summary>
    public readonly int Before;

    /// <summary>Tokens of the strip.</summary>
    public readonly int Count;

    /// <summary>Tokens of the sample from the strip's first on.</summary>
    public readonly int Left;

    public CausalPlace(CausalLayout l)
    {
        int thread = Group.IdxX, group = l.ChannelGroups.Quotient(Grid.IdxX);
        int strip = (group * CausalLayout.Teams) + (thread / CausalLayout.Team), sample = l.Chunks.Quotient(strip);
        this.Column = ((Grid.IdxX - (group * l.ChannelGroups.Value)) * CausalLayout.ChannelsPerGroup) + (2 * (thread % CausalLayout.Team));
        this.IsThere = strip < l.Strips && this.Column < l.Channels;
        int begin = (strip - (sample * l.Chunks.Value)) * l.Chunk;
        this.Row = ((long)sample * l.Length) + begin;
        this.Before = begin == 0 ? 0 : 3;
        this.Left = l.Length - begin;
        this.Count = this.Left < l.Chunk ? this.Left : l.Chunk;
    }
}

/// <summary>Four tokens as they are stored.</summary>
internal struct CausalTokens<TStored>
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    public TStored T0, T1, T2, T3;

    /// <summary>Tokens <paramref name="t"/> … t + 3 of a view, all of which are there.</summary>
    public CausalTokens(ArrayView<TStored> rows, int t, int step)
    {
        this.T0 = rows[t * step];
        this.T1 = rows[(t + 1) * step];
        this.T2 = rows[(t + 2) * step];
        this.T3 = rows[(t + 3) * step];
    }

    /// <summary>Tokens <paramref name="t"/> … t + 3 of a view; zero outside <paramref name="first"/> … limit − 1.</summary>
    public CausalTokens(ArrayView<TStored> rows, int t, int step, int first, int limit)
    {
        if (t >= first && t + 3 < limit)
        {
            this.T0 = rows[t * step];
            this.T1 = rows[(t + 1) * step];
            this.T2 = rows[(t + 2) * step];
            this.T3 = rows[(t + 3) * step];
        }
        else
        {
            this.T0 = t >= first && t < limit ? rows[t * step] : default;
            this.T1 = t + 1 >= first && t + 1 < limit ? rows[(t + 1) * step] : default;
            this.T2 = t + 2 >= first && t + 2 < limit ? rows[(t + 2) * step] : default;
            this.T3 = t + 3 >= first && t + 3 < limit ? rows[(t + 3) * step] : default;
        }
    }
}

/// <summary>GPU: ten tokens in registers serve four outputs in each direction, and eight are on their way.</summary>
[KernelInstance(typeof(FloatPair))]
[KernelInstance(typeof(NarrowPair))]
internal readonly struct CausalConvolutionForwardGroups<TStored>(CausalLayout layout, Floats u, int uPitch) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    public static int GroupsPerProcessor => Interop.SizeOf<TStored>() < Interop.SizeOf<FloatPair>() ? 7 : 5;

    public static int ThreadsPerGroup => CausalLayout.Team * CausalLayout.Teams;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        CausalPlace place = new(layout);
        if (!place.IsThere)
        {
            return;
        }

        // Views that start at the first token that is read, so that offsets are small and never negative.
        int column = place.Column, before = place.Before, step = layout.Pitch / 2, uStep = uPitch / 2;
        int limit = before + place.Left;
        ArrayView<TStored> xs = TStored.Of(layout.X).SubView((((place.Row - before) * layout.Pitch) + column) / 2);
        ArrayView<TStored> forward = TStored.Of(u).SubView(((place.Row * uPitch) + column) / 2);
        ArrayView<TStored> backward = TStored.Of(u).SubView((((place.Row + layout.Rows) * uPitch) + column) / 2);
        CausalFilter filter = layout.Filter(column);
        CausalTokens<TStored> early = new(xs, before - 4, step, 0, limit), late = new(xs, before, step, 0, limit);
        CausalTokens<TStored> next = new(xs, before + 3, step, 0, limit), afterNext = new(xs, before + 7, step, 0, limit);
        CausalWindow x = new()
        {
            X0 = early.T1.Value, X1 = early.T2.Value, X2 = early.T3.Value, X3 = late.T0.Value, X4 = late.T1.Value, X5 = late.T2.Value,
        };
        int t = 0;

        // Without a condition where all that is read and written is there, so that loads and sums of four tokens mix. By
        // two fours, each with registers of its own: to move what is on its way would be to wait for it.
        for (; t + 16 <= place.Count && before + t + 18 < limit; t += 8)
        {
            x = x.With(next);
            next = new(xs, before + t + 11, step);
            Put(forward, backward, t * uStep, uStep, new(filter, x));
            x = x.Last().With(afterNext);
            afterNext = new(xs, before + t + 15, step);
            Put(forward, backward, (t + 4) * uStep, uStep, new(filter, x));
            x = x.Last();
        }

        for (; t + 8 <= place.Count; t += 8)
        {
            x = x.With(next);
            Put(forward, backward, t * uStep, uStep, new(filter, x));
            x = x.Last().With(afterNext);
            Put(forward, backward, (t + 4) * uStep, uStep, new(filter, x));
            x = x.Last();
            next = new(xs, before + t + 11, step, 0, t + 8 < place.Count ? limit : 0);
            afterNext = new(xs, before + t + 15, step, 0, t + 12 < place.Count ? limit : 0);
        }

        for (; t < place.Count; t += 4)
        {
            x = x.With(next);
            next = afterNext;
            CausalOutputs<TStored> y = new(filter, x);
            int left = place.Count - t;
            Put(forward, backward, t * uStep, left > 0, y.F0, y.B0);
            Put(forward, backward, (t + 1) * uStep, left > 1, y.F1, y.B1);
            Put(forward, backward, (t + 2) * uStep, left > 2, y.F2, y.B2);
            Put(forward, backward, (t + 3) * uStep, left > 3, y.F3, y.B3);
            x = x.Last();
        }
    }

    private static void Put(ArrayView<TStored> forward, ArrayView<TStored> backward, int offset, int step, CausalOutputs<TStored> y)
    {
        forward[offset] = y.F0;
        forward[offset + step] = y.F1;
        forward[offset + (2 * step)] = y.F2;
        forward[offset + (3 * step)] = y.F3;
        backward[offset] = y.B0;
        backward[offset + step] = y.B1;
        backward[offset + (2 * step)] = y.B2;
        backward[offset + (3 * step)] = y.B3;
    }

    private static void Put(ArrayView<TStored> forward, ArrayView<TStored> backward, int offset, bool isThere, TStored f, TStored b)
    {
        if (isThere)
        {
            forward[offset] = f;
            backward[offset] = b;
        }
    }
}

/// <summary>Ten tokens of x, which four outputs in each direction are computed from.</summary>
internal struct CausalWindow
{
    public FloatPair X0, X1, X2, X3, X4, X5, X6, X7, X8, X9;

    /// <summary>The first six and the four that follow them.</summary>
    public readonly CausalWindow With<TStored>(CausalTokens<TStored> next)
        where TStored : unmanaged, IStored<TStored, FloatPair> => new()
        {
            X0 = this.X0, X1 = this.X1, X2 = this.X2, X3 = this.X3, X4 = this.X4, X5 = this.X5,
            X6 = next.T0.Value, X7 = next.T1.Value, X8 = next.T2.Value, X9 = next.T3.Value,
        };

    /// <summary>The last six, as the first of the next.</summary>
    public readonly CausalWindow Last() => new()
    {
        X0 = this.X4, X1 = this.X5, X2 = this.X6, X3 = this.X7, X4 = this.X8, X5 = this.X9,
    };
}

/// <summary>Four outputs in each direction, as they are stored.</summary>
internal readonly struct CausalOutputs<TStored>(CausalFilter w, CausalWindow x)
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    public readonly TStored F0 = Silu(w.Forward(x.X0, x.X1, x.X2, x.X3));
    public readonly TStored F1 = Silu(w.Forward(x.X1, x.X2, x.X3, x.X4));
    public readonly TStored F2 = Silu(w.Forward(x.X2, x.X3, x.X4, x.X5));
    public readonly TStored F3 = Silu(w.Forward(x.X3, x.X4, x.X5, x.X6));
    public readonly TStored B0 = Silu(w.Backward(x.X3, x.X4, x.X5, x.X6));
    public readonly TStored B1 = Silu(w.Backward(x.X4, x.X5, x.X6, x.X7));
    public readonly TStored B2 = Silu(w.Backward(x.X5, x.X6, x.X7, x.X8));
    public readonly TStored B3 = Silu(w.Backward(x.X6, x.X7, x.X8, x.X9));

    private static TStored Silu(FloatPair sum) => TStored.From(FloatPair.Silu(sum));
}

/// <summary>What a thread carries from token to token.</summary>
internal struct CausalSums
{
    // Three tokens of x; what is known of dx of the last three tokens; the backward direction's gradients there.
    public FloatPair X0, X1, X2, D0, D1, D2, P0, P1, P2;

    public FloatPair F0, F1, F2, F3, B0, B1, B2, B3, FBias, BBias;
}

/// <summary>What four steps of the backward pass read, as it is stored.</summary>
internal struct CausalFours<TStored>
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    public CausalTokens<TStored> X, F, B;
}

/// <summary>The same as values.</summary>
internal struct CausalValues
{
    public FloatPair X0, X1, X2, X3, F0, F1, F2, F3, B0, B1, B2, B3;

    public static CausalValues Of<TStored>(CausalFours<TStored> fours)
        where TStored : unmanaged, IStored<TStored, FloatPair> => new()
        {
            X0 = fours.X.T0.Value, X1 = fours.X.T1.Value, X2 = fours.X.T2.Value, X3 = fours.X.T3.Value,
            F0 = fours.F.T0.Value, F1 = fours.F.T1.Value, F2 = fours.F.T2.Value, F3 = fours.F.T3.Value,
            B0 = fours.B.T0.Value, B1 = fours.B.T1.Value, B2 = fours.B.T2.Value, B3 = fours.B.T3.Value,
        };
}

/// <summary>Where the backward pass reads: x and the forward direction's gradient of a token, the backward direction's of three before.</summary>
internal readonly struct CausalReads<TStored>(
    ArrayView<TStored> x, ArrayView<TStored> forward, ArrayView<TStored> backward, int step, int duStep, int before)
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    /// <summary>Steps <paramref name="i"/> … i + 3, all of whose tokens are there.</summary>
    public CausalFours<TStored> Load(int i) => new()
    {
        X = new(x, before + i, step), F = new(forward, before + i, duStep), B = new(backward, before + i - 3, duStep),
    };

    /// <summary>The same; zero outside tokens 0 … <paramref name="limit"/> − 1.</summary>
    public CausalFours<TStored> Load(int i, int limit) => new()
    {
        X = new(x, before + i, step, 0, limit), F = new(forward, before + i, duStep, 0, limit), B = new(backward, before + i - 3, duStep, 0, limit),
    };
}

/// <summary>GPU: the backward pass, whose sums of a group's strips are added up in shared memory.</summary>
/// <remarks>
/// Step i knows x of tokens i − 3 … i, which both the forward direction's output i and the backward direction's output i − 3
/// were computed from; with them dx of token i − 3 is complete. What the next four steps read is on its way.
/// </remarks>
[KernelInstance(typeof(FloatPair))]
[KernelInstance(typeof(NarrowPair))]
internal readonly struct CausalConvolutionBackwardGroups<TStored>(
    CausalLayout layout, Floats du, int duPitch, Target dx, Floats partial) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    private const int Sums = 10;

    public static int GroupsPerProcessor => Interop.SizeOf<TStored>() < Interop.SizeOf<FloatPair>() ? 4 : 3;

    public static int ThreadsPerGroup => CausalLayout.Team * CausalLayout.Teams;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatPair> shared = SharedMemory.Allocate<FloatPair>(Sums * CausalLayout.Team * CausalLayout.Teams);
        CausalPlace place = new(layout);
        CausalSums sums = default;
        if (place.IsThere)
        {
            sums = this.Run(place);
        }

        int team = Group.IdxX / CausalLayout.Team, lane = Group.IdxX % CausalLayout.Team;
        ArrayView<FloatPair> mine = shared.SubView((team * Sums * CausalLayout.Team) + lane);
        mine[0] = sums.F0;
        mine[CausalLayout.Team] = sums.F1;
        mine[2 * CausalLayout.Team] = sums.F2;
        mine[3 * CausalLayout.Team] = sums.F3;
        mine[4 * CausalLayout.Team] = sums.B0;
        mine[5 * CausalLayout.Team] = sums.B1;
        mine[6 * CausalLayout.Team] = sums.B2;
        mine[7 * CausalLayout.Team] = sums.B3;
        mine[8 * CausalLayout.Team] = sums.FBias;
        mine[9 * CausalLayout.Team] = sums.BBias;
        TPlatform.Barrier();

        // Found again rather than kept: registers are few above.
        int column = new CausalPlace(layout).Column;
        if (column < layout.Channels)
        {
            for (int sum = team; sum < Sums; sum += CausalLayout.Teams)
            {
                this.Put(shared.SubView((sum * CausalLayout.Team) + lane), sum, column);
            }
        }
    }

    /// <summary>Adds up one of the sums over the strips, in order.</summary>
    private void Put(ArrayView<FloatPair> strips, int sum, int column)
    {
        const int strip = Sums * CausalLayout.Team;
        int tap = (sum % 4) + layout.Width - 4;
        int row = sum >= 8 ? (2 * layout.Width) + sum - 8 : (sum / 4 * layout.Width) + tap;
        if (sum >= 8 || tap >= 0)
        {
            long first = (long)layout.ChannelGroups.Quotient(Grid.IdxX) * 2 * (layout.Width + 1) * layout.Channels;
            FloatPair.Of(partial)[(first + ((long)row * layout.Channels) + column) / 2] =
                strips[0] + strips[strip] + strips[2 * strip] + strips[3 * strip];
        }
    }

    private CausalSums Run(CausalPlace place)
    {
        // Views that start at the first token that is read, so that offsets are small and never negative.
        int column = place.Column, before = place.Before, step = layout.Pitch / 2, duStep = duPitch / 2;
        int limit = before + place.Left, count = place.Count;
        long first = place.Row - before;
        ArrayView<TStored> xs = TStored.Of(layout.X).SubView(((first * layout.Pitch) + column) / 2);
        ArrayView<TStored> forward = TStored.Of(du).SubView(((first * duPitch) + column) / 2);
        ArrayView<TStored> backward = TStored.Of(du).SubView((((first + layout.Rows) * duPitch) + column) / 2);
        ArrayView<TStored> to = dx.From<TStored, FloatPair>(place.Row, column);
        CausalFilter filter = layout.Filter(column);
        CausalTokens<TStored> early = new(xs, before - 4, step, 0, limit);
        CausalSums s = default;
        s.X0 = early.T1.Value;
        s.X1 = early.T2.Value;
        s.X2 = early.T3.Value;
        CausalReads<TStored> reads = new(xs, forward, backward, step, duStep, before);
        CausalFours<TStored> next = reads.Load(0, limit), afterNext = reads.Load(4, count > 1 ? limit : 0);
        int i = 0;
        while (i < count + 3)
        {
            CausalValues v = CausalValues.Of(next);
            next = afterNext;
            afterNext = reads.Load(i + 8, i + 8 < count + 3 ? limit : 0);
            this.StepAtEdge(ref s, filter, to, i, count, v.X0, v.F0, v.B0);
            this.StepAtEdge(ref s, filter, to, i + 1, count, v.X1, v.F1, v.B1);
            this.StepAtEdge(ref s, filter, to, i + 2, count, v.X2, v.F2, v.B2);
            this.StepAtEdge(ref s, filter, to, i + 3, count, v.X3, v.F3, v.B3);
            i += 4;

            // Without a condition where all that is read, counted and written is there, so that loads and sums of four tokens
            // mix. By two fours, each with registers of its own: to move what is on its way would be to wait for it.
            for (; i + 8 <= count && before + i + 15 < limit; i += 8)
            {
                v = CausalValues.Of(next);
                next = reads.Load(i + 8);
                this.Four(ref s, filter, to, i - 3, v);
                v = CausalValues.Of(afterNext);
                afterNext = reads.Load(i + 12);
                this.Four(ref s, filter, to, i + 1, v);
            }
        }

        return s;
    }

    /// <summary>Takes four tokens more, all counted, and puts dx of the four from <paramref name="first"/> on.</summary>
    private void Four(ref CausalSums s, CausalFilter w, ArrayView<TStored> to, int first, CausalValues v)
    {
        FloatPair d0 = Step(ref s, w, v.X0, v.F0, v.B0, true, true);
        FloatPair d1 = Step(ref s, w, v.X1, v.F1, v.B1, true, true);
        FloatPair d2 = Step(ref s, w, v.X2, v.F2, v.B2, true, true);
        FloatPair d3 = Step(ref s, w, v.X3, v.F3, v.B3, true, true);
        int pitch = dx.Pitch / 2, offset = first * pitch;
        if (dx.IsOverwritten)
        {
            to[offset] = TStored.From(d0);
            to[offset + pitch] = TStored.From(d1);
            to[offset + (2 * pitch)] = TStored.From(d2);
            to[offset + (3 * pitch)] = TStored.From(d3);
        }
        else
        {
            dx.Put<TStored, FloatPair>(to, offset, d0);
            dx.Put<TStored, FloatPair>(to, offset + pitch, d1);
            dx.Put<TStored, FloatPair>(to, offset + (2 * pitch), d2);
            dx.Put<TStored, FloatPair>(to, offset + (3 * pitch), d3);
        }
    }

    private void StepAtEdge(
        ref CausalSums s, CausalFilter w, ArrayView<TStored> to, int i, int count, FloatPair x3, FloatPair du0, FloatPair du1)
    {
        // Outputs beyond either end of the strip serve dx only: their own strip counts them.
        bool isWhole = i >= 3 && i - 3 < count;
        FloatPair d = Step(ref s, w, x3, du0, du1, i < count, isWhole);
        if (isWhole)
        {
            dx.Put<TStored, FloatPair>(to, (i - 3) * (dx.Pitch / 2), d);
        }
    }

    /// <summary>Takes one token more.</summary>
    /// <returns>dx three tokens before.</returns>
    private static FloatPair Step(
        ref CausalSums s, CausalFilter w, FloatPair x3, FloatPair du0, FloatPair du1, bool countsForward, bool countsBackward)
    {
        FloatPair f = du0 * FloatPair.SiluSlope(w.Forward(s.X0, s.X1, s.X2, x3));
        FloatPair b = du1 * FloatPair.SiluSlope(w.Backward(s.X0, s.X1, s.X2, x3));
        FloatPair own = countsForward ? f : default;
        s.FBias += own;
        s.F0 = FloatPair.Fma(own, s.X0, s.F0);
        s.F1 = FloatPair.Fma(own, s.X1, s.F1);
        s.F2 = FloatPair.Fma(own, s.X2, s.F2);
        s.F3 = FloatPair.Fma(own, x3, s.F3);
        own = countsBackward ? b : default;
        s.BBias += own;
        s.B0 = FloatPair.Fma(own, x3, s.B0);
        s.B1 = FloatPair.Fma(own, s.X2, s.B1);
        s.B2 = FloatPair.Fma(own, s.X1, s.B2);
        s.B3 = FloatPair.Fma(own, s.X0, s.B3);
        FloatPair d = CausalFilter.Sum(FloatPair.Fma(w.F0, f, s.D0), w.B0, w.B1, w.B2, w.B3, s.P0, s.P1, s.P2, b);
        s.D0 = FloatPair.Fma(w.F1, f, s.D1);
        s.D1 = FloatPair.Fma(w.F2, f, s.D2);
        s.D2 = w.F3 * f;
        s.P0 = s.P1;
        s.P1 = s.P2;
        s.P2 = b;
        s.X0 = s.X1;
        s.X1 = s.X2;
        s.X2 = x3;
        return d;
    }
}

/// <summary>The launch of either pass.</summary>
internal readonly struct CausalGroups
{
    private readonly Device device;

    public CausalGroups(Device device, Tensor x, Tensor weight, Tensor bias, int length, int? asked, int most)
    {
        long samples = x.Rows / length, channelGroups = (x.Columns + CausalLayout.ChannelsPerGroup - 1) / CausalLayout.ChannelsPerGroup;
        int chunk = asked ?? Chunk(samples, channelGroups, length, most), chunks = (length + chunk - 1) / chunk;
        this.device = device;
        this.Layout = new(
            x.Memory, weight.Memory, bias.Memory, x.Pitch, x.Columns, (int)weight.Rows / 2, length, chunk, new(chunks),
            new((int)channelGroups), x.Rows, checked((int)(samples * chunks)));
        this.StripGroups = (this.Layout.Strips + CausalLayout.Teams - 1) / CausalLayout.Teams;
    }

    public CausalLayout Layout { get; }

    /// <summary>How many groups there are for the same channels, each of which leaves a part of their sums.</summary>
    public int StripGroups { get; }

    public void Launch<TKernel>(TKernel kernel)
        where TKernel : struct, IGroupKernel => this.device.Groups(
            kernel, new(checked(this.StripGroups * this.Layout.ChannelGroups.Value), 1, 1), CausalLayout.Team * CausalLayout.Teams);

    // The longest that leaves several groups for each multiprocessor of a large GPU: a strip reads and computes six tokens
    // beside its own.
    private static int Chunk(long samples, long channelGroups, int length, int chunk)
    {
        const int enough = 1536;
        while (chunk > 8 && samples * ((length + chunk - 1) / chunk) * channelGroups < enough * CausalLayout.Teams)
        {
            chunk /= 2;
        }

        return chunk;
    }
}
