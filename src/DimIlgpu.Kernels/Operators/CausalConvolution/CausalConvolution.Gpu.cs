using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>What both passes read, and how the tokens are laid over groups.</summary>
/// <remarks>
/// A group is <see cref="Teams"/> adjacent strips of tokens and 64 channels. A strip is a chunk of one sample's tokens and
/// 32 threads of two channels each: what they load at once is adjacent, 128 bytes of bfloat16.
/// </remarks>
internal readonly struct CausalLayout(
    Floats x, Floats weight, Floats bias, int xPitch, int channels, int width, int length, int chunk, int chunks, long rows, int strips)
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
    public readonly int Chunks = chunks;
    public readonly long Rows = rows;
    public readonly int Strips = strips;

    /// <summary>Groups side by side, which are launched one after another so that they share rows of memory.</summary>
    public int ChannelGroups => (this.Channels + ChannelsPerGroup - 1) / ChannelsPerGroup;

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
        FBias = FloatPair.Load(bias, column),
        BBias = FloatPair.Load(bias, this.Channels + column),
    };

    private FloatPair Tap(int direction, int tap, int column)
    {
        int k = tap + this.Width - 4;
        return k < 0 ? default : FloatPair.Load(weight, ((long)((direction * this.Width) + k) * this.Channels) + column);
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
        int thread = Group.IdxX, groups = l.ChannelGroups;
        int strip = (Grid.IdxX / groups * CausalLayout.Teams) + (thread / CausalLayout.Team);
        this.Column = (Grid.IdxX % groups * CausalLayout.ChannelsPerGroup) + (2 * (thread % CausalLayout.Team));
        this.IsThere = strip < l.Strips && this.Column < l.Channels;
        int begin = strip % l.Chunks * l.Chunk;
        this.Row = ((long)(strip / l.Chunks) * l.Length) + begin;
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

/// <summary>GPU: ten tokens in registers serve four outputs in each direction, and four are on their way.</summary>
[KernelInstance(typeof(FloatPair))]
[KernelInstance(typeof(NarrowPair))]
internal readonly struct CausalConvolutionForwardGroups<TStored>(CausalLayout layout, Floats u, int uPitch) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
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
        CausalTokens<TStored> next = new(xs, before + 3, step, 0, limit);
        FloatPair x0 = early.T1.Value, x1 = early.T2.Value, x2 = early.T3.Value;
        FloatPair x3 = late.T0.Value, x4 = late.T1.Value, x5 = late.T2.Value;
        for (int t = 0; t < place.Count; t += 4)
        {
            CausalTokens<TStored> now = next;
            next = new(xs, before + t + 7, step, 0, t + 4 < place.Count ? limit : 0);
            FloatPair x6 = now.T0.Value, x7 = now.T1.Value, x8 = now.T2.Value, x9 = now.T3.Value;
            int left = place.Count - t;
            Put(forward, t * uStep, left > 0, filter.Forward(x0, x1, x2, x3));
            Put(backward, t * uStep, left > 0, filter.Backward(x3, x4, x5, x6));
            Put(forward, (t + 1) * uStep, left > 1, filter.Forward(x1, x2, x3, x4));
            Put(backward, (t + 1) * uStep, left > 1, filter.Backward(x4, x5, x6, x7));
            Put(forward, (t + 2) * uStep, left > 2, filter.Forward(x2, x3, x4, x5));
            Put(backward, (t + 2) * uStep, left > 2, filter.Backward(x5, x6, x7, x8));
            Put(forward, (t + 3) * uStep, left > 3, filter.Forward(x3, x4, x5, x6));
            Put(backward, (t + 3) * uStep, left > 3, filter.Backward(x6, x7, x8, x9));
            x0 = x4;
            x1 = x5;
            x2 = x6;
            x3 = x7;
            x4 = x8;
            x5 = x9;
        }
    }

    private static void Put(ArrayView<TStored> u, int offset, bool isThere, FloatPair sum)
    {
        if (isThere)
        {
            u[offset] = TStored.From(FloatPair.Silu(sum));
        }
    }
}

/// <summary>What a thread carries from token to token.</summary>
internal struct CausalSums
{
    // Three tokens of x; what is known of dx of the last three tokens; the backward direction's gradients there.
    public FloatPair X0, X1, X2, D0, D1, D2, P0, P1, P2;

    public FloatPair F0, F1, F2, F3, B0, B1, B2, B3, FBias, BBias;
}

/// <summary>GPU: the backward pass, whose sums of four strips are added up in shared memory.</summary>
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
        if (place.Column < layout.Channels)
        {
            for (int sum = team; sum < Sums; sum += CausalLayout.Teams)
            {
                this.Put(shared.SubView((sum * CausalLayout.Team) + lane), sum, place.Column);
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
            long first = (long)(Grid.IdxX / layout.ChannelGroups) * 2 * (layout.Width + 1) * layout.Channels;
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
        CausalTokens<TStored> nextX = new(xs, before, step, 0, limit), nextF = new(forward, before, duStep, 0, limit);
        CausalTokens<TStored> nextB = new(backward, before - 3, duStep, 0, limit);
        for (int i = 0; i < count + 3; i += 4)
        {
            CausalTokens<TStored> x = nextX, f = nextF, b = nextB;
            int end = i + 4 < count + 3 ? limit : 0;
            nextX = new(xs, before + i + 4, step, 0, end);
            nextF = new(forward, before + i + 4, duStep, 0, end);
            nextB = new(backward, before + i + 1, duStep, 0, end);
            this.Step(ref s, filter, to, i, count, x.T0.Value, f.T0.Value, b.T0.Value);
            this.Step(ref s, filter, to, i + 1, count, x.T1.Value, f.T1.Value, b.T1.Value);
            this.Step(ref s, filter, to, i + 2, count, x.T2.Value, f.T2.Value, b.T2.Value);
            this.Step(ref s, filter, to, i + 3, count, x.T3.Value, f.T3.Value, b.T3.Value);
        }

        return s;
    }

    private void Step(
        ref CausalSums s, CausalFilter w, ArrayView<TStored> to, int i, int count, FloatPair x3, FloatPair du0, FloatPair du1)
    {
        FloatPair f = du0 * FloatPair.SiluSlope(w.Forward(s.X0, s.X1, s.X2, x3));
        FloatPair b = du1 * FloatPair.SiluSlope(w.Backward(s.X0, s.X1, s.X2, x3));

        // Outputs beyond either end of the strip serve dx only: their own strip counts them.
        FloatPair own = i < count ? f : default;
        s.FBias += own;
        s.F0 = FloatPair.Fma(own, s.X0, s.F0);
        s.F1 = FloatPair.Fma(own, s.X1, s.F1);
        s.F2 = FloatPair.Fma(own, s.X2, s.F2);
        s.F3 = FloatPair.Fma(own, x3, s.F3);
        own = i >= 3 && i - 3 < count ? b : default;
        s.BBias += own;
        s.B0 = FloatPair.Fma(own, x3, s.B0);
        s.B1 = FloatPair.Fma(own, s.X2, s.B1);
        s.B2 = FloatPair.Fma(own, s.X1, s.B2);
        s.B3 = FloatPair.Fma(own, s.X0, s.B3);
        if (i >= 3 && i - 3 < count && dx.IsWanted)
        {
            FloatPair d = FloatPair.Fma(w.F0, f, s.D0);
            d += CausalFilter.Sum(default, w.B0, w.B1, w.B2, w.B3, s.P0, s.P1, s.P2, b);
            dx.Put<TStored, FloatPair>(to, (i - 3) * (dx.Pitch / 2), d);
        }

        s.D0 = FloatPair.Fma(w.F1, f, s.D1);
        s.D1 = FloatPair.Fma(w.F2, f, s.D2);
        s.D2 = w.F3 * f;
        s.P0 = s.P1;
        s.P1 = s.P2;
        s.P2 = b;
        s.X0 = s.X1;
        s.X1 = s.X2;
        s.X2 = x3;
    }
}

/// <summary>The launch of either pass.</summary>
internal readonly struct CausalGroups
{
    private readonly Device device;

    public CausalGroups(Device device, Tensor x, Tensor weight, Tensor bias, int length)
    {
        long samples = x.Rows / length, channelGroups = (x.Columns + CausalLayout.ChannelsPerGroup - 1) / CausalLayout.ChannelsPerGroup;
        int chunk = Chunk(samples, channelGroups, length), chunks = (length + chunk - 1) / chunk;
        this.device = device;
        this.Layout = new(
            x.Memory, weight.Memory, bias.Memory, x.Pitch, x.Columns, (int)weight.Rows / 2, length, chunk, chunks, x.Rows,
            checked((int)(samples * chunks)));
        this.StripGroups = (this.Layout.Strips + CausalLayout.Teams - 1) / CausalLayout.Teams;
    }

    public CausalLayout Layout { get; }

    /// <summary>How many groups there are for the same channels, each of which leaves a part of their sums.</summary>
    public int StripGroups { get; }

    public void Launch<TKernel>(TKernel kernel)
        where TKernel : struct, IGroupKernel => this.device.Groups(
            kernel, new(checked(this.StripGroups * this.Layout.ChannelGroups), 1, 1), CausalLayout.Team * CausalLayout.Teams);

    // The longest that leaves several groups for each multiprocessor of a large GPU: a strip reads and computes six tokens
    // beside its own.
    private static int Chunk(long samples, long channelGroups, int length)
    {
        const int enough = 1536;
        int chunk = 64;
        while (chunk > 8 && samples * ((length + chunk - 1) / chunk) * channelGroups < enough * CausalLayout.Teams)
        {
            chunk /= 2;
        }

        return chunk;
    }
}
