using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>What a thread carries from token to token.</summary>
internal struct CausalSums
{
    // Three tokens of x; what is known of dx of the last three tokens; the backward direction's gradients there.
    public FloatPair X0, X1, X2, D0, D1, D2, P0, P1, P2;

    public FloatPair F0, F1, F2, F3, B0, B1, B2, B3, FBias, BBias;
}

/// <summary>GPU: the backward pass, whose sums of a group's strips are added up in shared memory.</summary>
/// <remarks>
/// Step i knows x of tokens i − 3 … i, which both the forward direction's output i and the backward direction's output i − 3
/// were computed from; with them dx of token i − 3 is complete. What the next steps read is on its way to shared memory,
/// zero outside the sample, so that nothing asks where a sample ends (<see cref="CausalRing{TStored}"/>).
/// </remarks>
[KernelInstance(typeof(FloatPair))]
[KernelInstance(typeof(NarrowPair))]
internal readonly struct CausalConvolutionBackwardGroups<TStored>(
    CausalLayout layout, Floats du, int duPitch, Target dx, Floats partial) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    private const int Sums = 10;

    public static int GroupsPerProcessor => 4;

    public static int ThreadsPerGroup => CausalLayout.Team * CausalLayout.Teams;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<WordQuad> shared = SharedMemory.Allocate<WordQuad>(CausalRing<TStored>.Quads * CausalLayout.Teams);
        int team = Group.IdxX / CausalLayout.Team, lane = Group.IdxX % CausalLayout.Team;
        CausalSums sums = this.Run<TPlatform>(new(layout), shared.SubView(team * CausalRing<TStored>.Quads));

        // The rings have been read, and now hold the strips' sums.
        TPlatform.Barrier();
        ArrayView<FloatPair> strips = shared.Cast<FloatPair>();
        ArrayView<FloatPair> mine = strips.SubView((team * Sums * CausalLayout.Team) + lane);
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
        CausalPlace place = new(layout);
        if (place.Column < layout.Channels)
        {
            for (int sum = team; sum < Sums; sum += CausalLayout.Teams)
            {
                this.Leave(strips.SubView((sum * CausalLayout.Team) + lane), sum, place);
            }
        }
    }

    /// <summary>Adds up one of the sums over the group's strips, in order.</summary>
    private void Leave(ArrayView<FloatPair> strips, int sum, CausalPlace place)
    {
        const int strip = Sums * CausalLayout.Team;
        int tap = (sum % 4) + layout.Width - 4;
        int row = sum >= 8 ? (2 * layout.Width) + sum - 8 : (sum / 4 * layout.Width) + tap;
        if (sum >= 8 || tap >= 0)
        {
            long first = (long)place.StripGroup * 2 * (layout.Width + 1) * layout.Channels;
            FloatPair.Of(partial)[(first + ((long)row * layout.Channels) + place.Column) / 2] =
                (strips[0] + strips[strip]) + (strips[2 * strip] + strips[3 * strip]);
        }
    }

    private CausalSums Run<TPlatform>(CausalPlace place, ArrayView<WordQuad> shared)
        where TPlatform : struct, IPlatform
    {
        int column = place.Column, count = place.IsThere ? place.Count : 0, pitch = dx.Pitch / 2;
        CausalRing<TStored> ring = new(layout, du, duPitch, place, shared);
        ring.Start<TPlatform>();
        CausalSums s = default;
        CausalFilter filter = default;
        ArrayView<TStored> to = TStored.Of(layout.X);
        if (place.IsThere)
        {
            // Views that start at the first token that is read, so that offsets are small and never negative.
            ArrayView<TStored> xs = TStored.Of(layout.X).SubView((((place.Row - place.Before) * layout.Pitch) + column) / 2);
            CausalTokens<TStored> early = new(xs, place.Before - 4, layout.Pitch / 2, 0, place.Before + place.Left);
            s.X0 = early.T1.Value;
            s.X1 = early.T2.Value;
            s.X2 = early.T3.Value;
            filter = layout.Filter(column);
            to = dx.From<TStored, FloatPair>(place.Row, column);
        }

        // Every strip of a group takes as many turns, for groups wait for each other where a back end has no barrier of warps.
        int i = 0, end = layout.Chunk + 3, inner = layout.Inner(place);
        while (i < end)
        {
            ArrayView<TStored> now = ring.Turn<TPlatform>(i);
            this.StepAtEdge(ref s, filter, to, i, count, now, 0);
            this.StepAtEdge(ref s, filter, to, i + 1, count, now, 1);
            this.StepAtEdge(ref s, filter, to, i + 2, count, now, 2);
            this.StepAtEdge(ref s, filter, to, i + 3, count, now, 3);

            // Without a condition where all is counted and written, so that loads and sums of four tokens mix.
            for (i += 4; i + 8 <= inner; i += 8)
            {
                this.Four(ref s, filter, to, (i - 3) * pitch, pitch, ring.Turn<TPlatform>(i));
                this.Four(ref s, filter, to, (i + 1) * pitch, pitch, ring.Turn<TPlatform>(i + 4));
            }
        }

        return s;
    }

    /// <summary>Takes four tokens more, all counted, and puts dx of four from an offset on.</summary>
    private void Four(ref CausalSums s, CausalFilter w, ArrayView<TStored> to, int offset, int pitch, ArrayView<TStored> now)
    {
        FloatPair d0 = Step(ref s, w, now, 0, true, true), d1 = Step(ref s, w, now, 1, true, true);
        FloatPair d2 = Step(ref s, w, now, 2, true, true), d3 = Step(ref s, w, now, 3, true, true);
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
        ref CausalSums s, CausalFilter w, ArrayView<TStored> to, int i, int count, ArrayView<TStored> now, int token)
    {
        // Outputs beyond either end of the strip serve dx only: their own strip counts them.
        bool isWhole = i >= 3 && i - 3 < count;
        FloatPair d = Step(ref s, w, now, token, i < count, isWhole);
        if (isWhole)
        {
            dx.Put<TStored, FloatPair>(to, (i - 3) * (dx.Pitch / 2), d);
        }
    }

    /// <summary>Takes one token more.</summary>
    /// <returns>dx three tokens before.</returns>
    private static FloatPair Step(
        ref CausalSums s, CausalFilter w, ArrayView<TStored> now, int token, bool countsForward, bool countsBackward)
    {
        TStored x = now[token * CausalLayout.Team], du0 = now[CausalRing<TStored>.Elements + (token * CausalLayout.Team)];
        TStored du1 = now[(2 * CausalRing<TStored>.Elements) + (token * CausalLayout.Team)];
        FloatPair x3 = x.Value;
        FloatPair f = du0.Value * FloatPair.SiluSlope(w.Forward(s.X0, s.X1, s.X2, x3));
        FloatPair b = du1.Value * FloatPair.SiluSlope(w.Backward(s.X0, s.X1, s.X2, x3));
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
