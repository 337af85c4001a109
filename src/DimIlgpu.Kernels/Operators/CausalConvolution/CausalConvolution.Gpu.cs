using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>What both passes read, and how the tokens are laid over groups.</summary>
/// <remarks>
/// A strip is a chunk of one sample's tokens and 32 threads of two channels each: what they load at once is adjacent, 128 bytes
/// of bfloat16. A group is <see cref="Teams"/> strips: chunks that follow each other and, in the forward pass, twice 64 channels
/// side by side; the backward pass adds up all of them.
/// </remarks>
internal readonly struct CausalLayout(
    Floats x, Floats weight, Floats bias, int xPitch, int channels, int width, int length, int chunk, Divisor chunks, Divisor channelGroups,
    long rows, int strips, int across)
{
    public const int Team = 32;
    public const int Teams = 4;
    public const int ChannelsPerStrip = 2 * Team;

    public readonly Floats X = x;
    public readonly int Pitch = xPitch;
    public readonly int Channels = channels;
    public readonly int Width = width;
    public readonly int Length = length;
    public readonly int Chunk = chunk;
    public readonly Divisor Chunks = chunks;
    public readonly long Rows = rows;
    public readonly int Strips = strips;

    /// <summary>The strips of a group that are side by side, as a power of two.</summary>
    public readonly int Across = across;

    /// <summary>Groups side by side, which are launched one after another so that they share rows of memory.</summary>
    public readonly Divisor ChannelGroups = channelGroups;

    /// <summary>The tokens that each thread of a group has; 0 where some have none.</summary>
    public int Inner(CausalPlace place)
    {
        int last = this.Length - ((this.Chunks.Value - 1) * this.Chunk);
        int channels = ChannelsPerStrip << this.Across;
        return (place.StripGroup + 1) * (Teams >> this.Across) <= this.Strips && (place.ChannelGroup + 1) * channels <= this.Channels ? last : 0;
    }

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
    /// <summary>Which of the groups side by side.</summary>
    public readonly int ChannelGroup;

    /// <summary>Which of the groups for the same channels.</summary>
    public readonly int StripGroup;

    /// <summary>The first of the strip's channels.</summary>
    public readonly int FirstColumn;

    /// <summary>The first of the thread's two channels.</summary>
    public readonly int Column;

    /// <summary>Whether there is such a strip.</summary>
    public readonly bool IsStrip;

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
        int thread = Group.IdxX;
        this.StripGroup = l.ChannelGroups.Quotient(Grid.IdxX);
        this.ChannelGroup = Grid.IdxX - (this.StripGroup * l.ChannelGroups.Value);
        int team = thread / CausalLayout.Team, beside = team & ((1 << l.Across) - 1);
        int strip = (this.StripGroup * (CausalLayout.Teams >> l.Across)) + (team >> l.Across), sample = l.Chunks.Quotient(strip);
        this.FirstColumn = ((this.ChannelGroup << l.Across) + beside) * CausalLayout.ChannelsPerStrip;
        this.Column = this.FirstColumn + (2 * (thread % CausalLayout.Team));
        this.IsStrip = strip < l.Strips;
        this.IsThere = this.IsStrip && this.Column < l.Channels;
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

/// <summary>The launch of either pass.</summary>
internal readonly struct CausalGroups
{
    private readonly Device device;

    private CausalGroups(Device device, Tensor x, Tensor weight, Tensor bias, int length, int chunk, int across)
    {
        int chunks = (length + chunk - 1) / chunk, strips = CausalLayout.Teams >> across;
        this.device = device;
        this.Layout = new(
            x.Memory, weight.Memory, bias.Memory, x.Pitch, x.Columns, (int)weight.Rows / 2, length, chunk, new(chunks),
            new((StripsAcross(x) + (1 << across) - 1) >> across), x.Rows, checked((int)(x.Rows / length * chunks)), across);
        this.StripGroups = (this.Layout.Strips + strips - 1) / strips;
    }

    public CausalLayout Layout { get; }

    /// <summary>How many groups there are for the same channels, each of which leaves a part of their sums.</summary>
    public int StripGroups { get; }

    /// <summary>Groups for the forward pass.</summary>
    /// <remarks>The longest strips that leave several groups for each multiprocessor of a large GPU: a strip reads six tokens beside its own.</remarks>
    public static CausalGroups Forward(Device device, Tensor x, Tensor weight, Tensor bias, int length, int? asked)
    {
        const int most = 32, enough = 6144;
        int chunk = most;
        while (chunk > 8 && x.Rows / length * ((length + chunk - 1) / chunk) * StripsAcross(x) < enough)
        {
            chunk /= 2;
        }

        return new(device, x, weight, bias, length, asked ?? chunk, Across(x));
    }

    /// <summary>Groups for the backward pass.</summary>
    /// <remarks>
    /// It is bound by instructions, so what counts is how many groups the fullest multiprocessor of a large GPU has, times the
    /// tokens of each: its strip's and some beside.
    /// </remarks>
    public static CausalGroups Backward(Device device, Tensor x, Tensor weight, Tensor bias, int length, int? asked)
    {
        const int processors = 132, beside = 8, least = 16, mostRounds = 8;
        long samples = x.Rows / length, best = long.MaxValue;
        int chunk = length;
        for (int chunks = 1; asked is null && (chunks == 1 || (length + chunks - 1) / chunks >= least); chunks++)
        {
            int tokens = (((length + chunks - 1) / chunks) + 3) / 4 * 4;
            long strips = samples * ((length + tokens - 1) / tokens);
            long groups = (strips + CausalLayout.Teams - 1) / CausalLayout.Teams * StripsAcross(x), rounds = (groups + processors - 1) / processors;
            if (rounds * (tokens + beside) < best)
            {
                (best, chunk) = (rounds * (tokens + beside), tokens);
            }

            if (rounds >= mostRounds)
            {
                break;
            }
        }

        return new(device, x, weight, bias, length, asked ?? chunk, across: 0);
    }

    public void Launch<TKernel>(TKernel kernel)
        where TKernel : struct, IGroupKernel => this.device.Groups(
            kernel, new(checked(this.StripGroups * this.Layout.ChannelGroups.Value), 1, 1), CausalLayout.Team * CausalLayout.Teams);

    // Two where none is idle then: four gain no more.
    private static int Across(Tensor x) => StripsAcross(x) % 2 == 0 ? 1 : 0;

    private static int StripsAcross(Tensor x) => (x.Columns + CausalLayout.ChannelsPerStrip - 1) / CausalLayout.ChannelsPerStrip;
}
