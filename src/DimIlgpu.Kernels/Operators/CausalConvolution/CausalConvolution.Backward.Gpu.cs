using ILGPU;

namespace DimIlgpu.Kernels;

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
