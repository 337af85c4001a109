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

/// <summary>What a pass of <see cref="ScanGroups{TElement, TPass}"/> reads and writes beside the inputs.</summary>
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

/// <summary>GPU: a group is a strip and 32 of its channels; a channel's 16 states are four threads' registers, four each.</summary>
/// <remarks>
/// <para>
/// As loaders, the threads fetch 16 tokens ahead: a warp reads 32 adjacent channels, a thread four tokens of one, and the
/// loads of the next tile are under way while this one is computed. As computers, eight adjacent threads have the same four
/// states, so that B and C are one read of 16 bytes that they share. The sums over states meet in shared memory, in the
/// place of the thread that loaded u, which adds D u and stores y. Nothing needs a warp.
/// </para>
/// <para>
/// Four threads a channel rather than one: with 128 threads to 32 channels the groups spread evenly over the
/// multiprocessors, where groups of 128 channels leave many with two and some with three.
/// </para>
/// </remarks>
[KernelInstance(typeof(Float32Element), typeof(ForwardPass))]
[KernelInstance(typeof(Float32Element), typeof(FoldPass))]
[KernelInstance(typeof(Float32Element), typeof(AdjointFoldPass))]
internal readonly struct ScanGroups<TElement, TPass>(ScanView view, ScanPassView pass) : IGroupKernel
    where TElement : struct, IElement
    where TPass : struct, IScanPass
{
    private const int Channels = ScanGroup.Channels;
    private const int Threads = ScanGroup.Threads;
    private const int Tile = ScanGroup.Tile;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        // Four tokens of a channel are one element: Δ, then what drives the state; then per four states the sums for y.
        ArrayView<FloatQuad> tokens = SharedMemory.Allocate<FloatQuad>(2 * Threads);
        ArrayView<FloatQuad> rates = SharedMemory.Allocate<FloatQuad>(8 * Tile);
        ArrayView<FloatQuad> sums = SharedMemory.Allocate<FloatQuad>(4 * Threads);
        ScanLayout l = view.Layout;
        ScanPlace place = new(l, Grid.IdxY, Grid.IdxZ);
        int thread = Group.IdxX, e = l.Channels, length = place.Length;
        ScanLoader<TElement, TPass> loader = new(view, pass, place);
        FloatQuad u = default, delta = default, rate = default;
        loader.Load(0, ref u, ref delta, ref rate);

        int channel = (thread % 8) + (thread / 32 * 8), quad = thread / 8 % 4;
        int column = (Grid.IdxX * Channels) + channel, state = pass.First + (4 * quad);
        bool active = column < e && state < l.States;
        FloatQuad a = default, h = default;
        float sum = 0f;
        if (active)
        {
            a = FloatQuad.Load(view.A, ((((long)place.Direction * l.States) + state) * e) + column, e);
            if (!TPass.IsFold && place.Begin > 0)
            {
                long flow = pass.Keep != 0 ? place.Kept(l, 0) : place.Strip * l.States * e;
                h = FloatQuad.Load(pass.States, flow + ((long)state * e) + column, e);
            }
        }

        for (int p = 0; p < length; p += Tile)
        {
            tokens[thread] = delta;
            tokens[Threads + thread] = TPass.IsAdjoint ? u : delta * u;
            rates[thread] = rate;
            TPlatform.Barrier();
            FloatQuad own = u;
            if (p + Tile < length)
            {
                loader.Load(p + Tile, ref u, ref delta, ref rate);
            }

            if (!TPass.IsFold && p > 0 && pass.Keep != 0 && active)
            {
                FloatQuad.Store(pass.States, place.Kept(l, p) + ((long)state * e) + column, e, h);
            }

            for (int block = 0; block < Tile / 4; block++)
            {
                FloatQuad dt = tokens[(block * Channels) + channel], x = tokens[Threads + (block * Channels) + channel], y = default;
                int at = (32 * block) + quad;
                y.X = Step(ref h, a, dt.X, x.X, rates[at], rates[at + 4]);
                y.Y = Step(ref h, a, dt.Y, x.Y, rates[at + 8], rates[at + 12]);
                y.Z = Step(ref h, a, dt.Z, x.Z, rates[at + 16], rates[at + 20]);
                y.W = Step(ref h, a, dt.W, x.W, rates[at + 24], rates[at + 28]);
                if (TPass.IsFold)
                {
                    sum += (dt.X + dt.Y) + (dt.Z + dt.W);
                }
                else
                {
                    sums[(((4 * block) + quad) * Channels) + channel] = y;
                }
            }

            TPlatform.Barrier();
            if (!TPass.IsFold)
            {
                int from = (thread / Channels * Threads) + (thread % Channels);
                FloatQuad y = sums[from] + sums[from + Channels] + sums[from + (2 * Channels)] + sums[from + (3 * Channels)];
                loader.Store(p, own, y);
            }
        }

        if (TPass.IsFold && active)
        {
            FloatQuad.Store(pass.States, (((place.Strip * l.States) + state) * e) + column, e, h);
            if (state == 0)
            {
                pass.Y.View[(place.Strip * e) + column] = sum;
            }
        }
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
}

/// <summary>A thread of the scan as loader: four tokens of one channel, and four of the B or C of one token.</summary>
internal readonly struct ScanLoader<TElement, TPass>
    where TElement : struct, IElement
    where TPass : struct, IScanPass
{
    private const int Channels = ScanGroup.Channels;

    private readonly ScanView view;
    private readonly Floats drives;
    private readonly Floats y;
    private readonly Floats rates;
    private readonly int length;
    private readonly int firstToken;
    private readonly int rateToken;
    private readonly int add;
    private readonly bool hasChannel;
    private readonly bool hasRates;
    private readonly float d;

    // Where token 0 of the pass is for this thread, and the distance from one token to the next.
    private readonly long at;
    private readonly long step;
    private readonly long rateAt;
    private readonly long rateStep;

    public ScanLoader(ScanView view, ScanPassView pass, ScanPlace place)
    {
        ScanLayout l = view.Layout;
        int thread = Group.IdxX, e = l.Channels, column = (Grid.IdxX * Channels) + (thread % Channels);
        int state = pass.First + (thread % 4 * 4);
        bool isC = thread % 8 >= 4;
        long row = place.Row(TPass.IsAdjoint ? place.Length - 1 : 0), stride = TPass.IsAdjoint ? -place.Stride : place.Stride;
        int pitch = isC ? view.CPitch : view.BPitch;
        this.view = view;
        this.drives = TPass.IsAdjoint ? pass.Dy : view.U;
        this.y = pass.Y;
        this.rates = isC ? view.C : view.B;
        this.length = place.Length;
        this.firstToken = thread / Channels * 4;
        this.rateToken = thread / 8;
        this.add = pass.First;
        this.hasChannel = column < e;
        this.hasRates = state < l.States;
        this.d = this.hasChannel && pass.First == 0 ? view.D.View[((long)place.Direction * e) + column] : 0f;
        this.at = (row * e) + column;
        this.step = stride * e;
        this.rateAt = (row * pitch) + state;
        this.rateStep = stride * pitch;
    }

    /// <summary>Tokens <paramref name="p"/> … + 15 of the pass; beyond its end Δ is 0, which changes no state.</summary>
    public void Load(int p, ref FloatQuad u, ref FloatQuad delta, ref FloatQuad rate)
    {
        int token = p + this.firstToken;
        u = default;
        delta = default;
        rate = default;
        if (this.hasChannel)
        {
            long index = this.at + (token * this.step);
            if (token < this.length)
            {
                u.X = TElement.Load(this.drives, index);
                delta.X = TElement.Load(this.view.Delta, index);
            }

            if (token + 1 < this.length)
            {
                u.Y = TElement.Load(this.drives, index + this.step);
                delta.Y = TElement.Load(this.view.Delta, index + this.step);
            }

            if (token + 2 < this.length)
            {
                u.Z = TElement.Load(this.drives, index + (2 * this.step));
                delta.Z = TElement.Load(this.view.Delta, index + (2 * this.step));
            }

            if (token + 3 < this.length)
            {
                u.W = TElement.Load(this.drives, index + (3 * this.step));
                delta.W = TElement.Load(this.view.Delta, index + (3 * this.step));
            }
        }

        token = p + this.rateToken;
        if (this.hasRates && token < this.length)
        {
            long index = this.rateAt + (token * this.rateStep);
            rate.X = TElement.Load(this.rates, index);
            rate.Y = TElement.Load(this.rates, index + 1);
            rate.Z = TElement.Load(this.rates, index + 2);
            rate.W = TElement.Load(this.rates, index + 3);
        }
    }

    /// <summary>y of the tokens that <see cref="Load"/> loaded, plus D u; plus what the states before these gave.</summary>
    public void Store(int p, FloatQuad u, FloatQuad sum)
    {
        int token = p + this.firstToken;
        sum = FloatQuad.Fma(this.d, u, sum);
        if (this.hasChannel)
        {
            long index = this.at + (token * this.step);
            if (token < this.length)
            {
                this.Store(index, sum.X);
            }

            if (token + 1 < this.length)
            {
                this.Store(index + this.step, sum.Y);
            }

            if (token + 2 < this.length)
            {
                this.Store(index + (2 * this.step), sum.Z);
            }

            if (token + 3 < this.length)
            {
                this.Store(index + (3 * this.step), sum.W);
            }
        }
    }

    private void Store(long index, float value) =>
        TElement.Store(this.y, index, this.add != 0 ? TElement.Load(this.y, index) + value : value);
}
