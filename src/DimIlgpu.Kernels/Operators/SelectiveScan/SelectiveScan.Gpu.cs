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
[KernelInstance(typeof(BFloat16Element), typeof(ForwardPass))]
[KernelInstance(typeof(BFloat16Element), typeof(FoldPass))]
[KernelInstance(typeof(BFloat16Element), typeof(AdjointFoldPass))]
internal readonly struct ScanGroups<TElement, TPass>(ScanView view, ScanPassView pass) : IGroupKernel
    where TElement : struct, IElement
    where TPass : struct, IScanPass
{
    private const int Channels = ScanGroup.Channels;
    private const int Threads = ScanGroup.Threads;
    private const int Tile = ScanGroup.Tile;

    // Shared memory. Four tokens of a channel are one element: Δ, then what drives the state; B and C by token; the sums for
    // y by four states; and D u, which waits for y in the place of the thread that loaded u.
    private const int Drives = Threads;
    private const int Rates = Drives + Threads;
    private const int Sums = Rates + (8 * Tile);
    private const int Skips = Sums + (4 * Threads);

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> memory = SharedMemory.Allocate<FloatQuad>(Skips + Threads);
        ScanLayout l = view.Layout;
        ScanPlace place = new(l, Grid.IdxY, Grid.IdxZ);
        int thread = Group.IdxX, e = l.Channels, length = place.Length, owned = (Grid.IdxX * Channels) + (thread % Channels);
        ScanRows<TElement> rows = new(l, place, owned, thread / Channels * 4, TPass.IsAdjoint);
        ScanRates<TElement> rateRows = new(
            view, place, token: thread / 8, isC: thread % 8 >= 4, pass.First + (thread % 4 * 4), TPass.IsAdjoint);
        Floats drives = TPass.IsAdjoint ? pass.Dy : view.U;
        long at = rows.Start, rateAt = rateRows.Start;
        FloatQuad u = rows.Load(drives, 0, at), delta = rows.Load(view.Delta, 0, at), rate = rateRows.Load(0, rateAt);

        // The states before these 16 gave D u already.
        float d = owned < e && pass.First == 0 ? ThreadLane.Read(view.D, ((long)place.Direction * e) + owned) : 0f;
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

        // Views that start where this thread reads and writes: what is added to them below is constant.
        ArrayView<FloatQuad> mine = memory.SubView(thread), tokens = memory.SubView(channel), rates = memory.SubView(Rates + quad);
        ArrayView<FloatQuad> ys = memory.SubView(Sums + (quad * Channels) + channel);
        ArrayView<FloatQuad> owns = memory.SubView(Sums + (thread / Channels * Threads) + (thread % Channels));
        for (int p = 0; p < length; p += Tile)
        {
            mine[0] = delta;
            mine[Drives] = TPass.IsAdjoint ? u : delta * u;
            mine[Rates] = rate;
            if (!TPass.IsFold)
            {
                mine[Skips] = d * u;
            }

            TPlatform.Barrier();
            if (p + Tile < length)
            {
                rateAt += Tile * rateRows.Step;
                u = rows.Load(drives, p + Tile, at + (Tile * rows.Step));
                delta = rows.Load(view.Delta, p + Tile, at + (Tile * rows.Step));
                rate = rateRows.Load(p + Tile, rateAt);
            }

            if (!TPass.IsFold && p > 0 && pass.Keep != 0 && active)
            {
                FloatQuad.Store(pass.States, place.Kept(l, p) + ((long)state * e) + column, e, h);
            }

            Four(tokens, rates, ys, 0, a, ref h, ref sum);
            Four(tokens, rates, ys, 1, a, ref h, ref sum);
            Four(tokens, rates, ys, 2, a, ref h, ref sum);
            Four(tokens, rates, ys, 3, a, ref h, ref sum);
            TPlatform.Barrier();
            if (!TPass.IsFold)
            {
                FloatQuad y = owns[0] + owns[Channels] + owns[2 * Channels] + owns[3 * Channels] + mine[Skips];
                rows.Store(pass.Y, p, at, y, pass.First != 0);
            }

            at += Tile * rows.Step;
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

    /// <summary>Four tokens.</summary>
    private static void Four(
        ArrayView<FloatQuad> tokens, ArrayView<FloatQuad> rates, ArrayView<FloatQuad> ys, int block, FloatQuad a, ref FloatQuad h, ref float sum)
    {
        FloatQuad dt = tokens[block * Channels], x = tokens[Drives + (block * Channels)], y = default;
        int at = 32 * block;
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
            ys[block * Threads] = y;
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
