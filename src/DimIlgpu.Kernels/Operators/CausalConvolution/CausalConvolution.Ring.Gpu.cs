using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>
/// What the next steps of the backward pass read, on its way to shared memory four tokens at a time: x and the forward direction's
/// gradient of token i, the backward direction's of token i − 3; zero where there is no such token.
/// </summary>
/// <remarks>
/// A strip's 32 threads have three rings of 2 KB, in which a token is a row of 64 channels, 128 or 256 bytes. They copy 16
/// bytes each, so that four tokens of bfloat16 of one tensor are one instruction of a warp, and no register holds what is under way.
/// </remarks>
internal readonly struct CausalRing<TStored>
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    /// <summary>Chunks of 16 bytes of all three.</summary>
    public const int Quads = 3 * QuadsOfOne;

    private const int QuadsOfOne = 128;

    private readonly ArrayView<WordQuad> x, forward, backward, to;
    private readonly ArrayView<TStored> from;
    private readonly int xStep, duStep, xFirst, duFirst, token, limit;

    public CausalRing(CausalLayout layout, Floats du, int duPitch, CausalPlace place, ArrayView<WordQuad> shared)
    {
        int lane = Group.IdxX % CausalLayout.Team, piece = lane % QuadsPerToken, column = place.FirstColumn + (piece * ElementsPerQuad);
        this.token = place.Before + (lane / QuadsPerToken);
        this.limit = column < layout.Channels && place.IsStrip ? place.Before + (place.Left < place.Count + 3 ? place.Left : place.Count + 3) : 0;
        this.xStep = layout.Pitch / ElementsPerQuad;
        this.duStep = duPitch / ElementsPerQuad;
        this.xFirst = this.token * this.xStep;
        this.duFirst = this.token * this.duStep;
        long first = place.IsStrip ? place.Row - place.Before : 0;
        int there = column < layout.Channels ? column : 0;
        this.x = TStored.Of(layout.X).Cast<WordQuad>().SubView(((first * layout.Pitch) + there) / ElementsPerQuad);
        this.forward = TStored.Of(du).Cast<WordQuad>().SubView(((first * duPitch) + there) / ElementsPerQuad);
        this.backward = TStored.Of(du).Cast<WordQuad>().SubView((((first + layout.Rows) * duPitch) + there) / ElementsPerQuad);
        this.to = shared.SubView(lane);
        this.from = shared.Cast<TStored>().SubView(lane);
    }

    /// <summary>Elements of one ring, two channels each.</summary>
    public static int Elements => QuadsOfOne * 16 / Interop.SizeOf<TStored>();

    private static int QuadsPerToken => CausalLayout.Team * Interop.SizeOf<TStored>() / 16;

    private static int ElementsPerQuad => 2 * 16 / Interop.SizeOf<TStored>();

    // Four tokens each.
    private static int Stages => QuadsOfOne / 4 / QuadsPerToken;

    /// <summary>Starts to read the first tokens.</summary>
    public void Start<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        for (int i = 0; i < 4 * (Stages - 1); i += 4)
        {
            this.Copy<TPlatform>(i);
            TPlatform.CommitCopies();
        }
    }

    /// <summary>Waits for tokens <paramref name="i"/> … i + 3, and starts to read later ones where those before were.</summary>
    /// <returns>This thread's elements of those tokens; those of the other tensors are so many rings on.</returns>
    public ArrayView<TStored> Turn<TPlatform>(int i)
        where TPlatform : struct, IPlatform
    {
        TPlatform.AwaitCopies(Stages - 2);
        TPlatform.WarpBarrier();
        this.Copy<TPlatform>(i + (4 * (Stages - 1)));
        TPlatform.CommitCopies();
        return this.from.SubView((i * CausalLayout.Team) & (Elements - 1));
    }

    private void Copy<TPlatform>(int i)
        where TPlatform : struct, IPlatform
    {
        ArrayView<WordQuad> place = this.to.SubView((i * QuadsPerToken) & (QuadsOfOne - 1));
        int tokens = CausalLayout.Team / QuadsPerToken;
        this.CopyRows<TPlatform>(place, this.token + i, this.xFirst + (i * this.xStep), this.duFirst + (i * this.duStep));
        if (tokens < 4)
        {
            this.CopyRows<TPlatform>(
                place.SubView(CausalLayout.Team), this.token + i + tokens, this.xFirst + ((i + tokens) * this.xStep),
                this.duFirst + ((i + tokens) * this.duStep));
        }
    }

    private void CopyRows<TPlatform>(ArrayView<WordQuad> place, int t, int xIndex, int duIndex)
        where TPlatform : struct, IPlatform
    {
        bool isThere = t < this.limit;
        TPlatform.Copy(ref place[0], this.x, xIndex, isThere);
        TPlatform.Copy(ref place[QuadsOfOne], this.forward, duIndex, isThere);
        TPlatform.Copy(ref place[2 * QuadsOfOne], this.backward, duIndex - (3 * this.duStep), (uint)(t - 3) < (uint)this.limit);
    }
}
