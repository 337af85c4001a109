using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>CPU: a tile is a strip and up to 128 of its channels.</summary>
/// <remarks>
/// A segment is worked off four states at a time, for all channels of the tile: its states and decays, and the sums for
/// dB and dC, then stay in the first cache.
/// </remarks>
internal readonly struct ScanTiles<TQuads>(ScanAdjoint adjoint, Floats scratch, int scratchPitch) : ITileKernel
    where TQuads : struct, IQuads
{
    private const float Ln2 = 0.693147181f;

    // What a token of a lane needs: Δ, Δu, dy and the sums d(Δu) and Σ g (h − Δ u B) A.
    private const int Delta = 0, X = 1, Dy = 2, DX = 3, DDelta = 4, TokenLength = 5;

    private static int States => 4 * TQuads.Value;

    // What four states of a token need: each before the token, its decay, and the sums for its dB and dC. Side by side:
    // blocks of their own would stand a power of two apart, where a store and a later load of the next block look alike.
    private const int State = 0, Decay = 4, DB = 8, DC = 12, StepLength = 16;

    // The adjoint of each state, its dA, and dD.
    private static int CarriedLength => (2 * States) + 1;

    /// <summary>Lanes of scratch: four states of each step and after the last; the tokens of each lane, and what it carries.</summary>
    public static int ScratchLength(int segment, int lanes) =>
        (StepLength * (segment + 1)) + (lanes * ((TokenLength * segment) + CarriedLength));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public unsafe void Execute<TLane>(long tile, int thread)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        ScanAdjoint s = adjoint;
        ScanLayout l = s.View.Layout;
        long strip = tile / s.Groups;
        int group = (int)(tile % s.Groups), first = group * SelectiveScan.ChannelsPerGroup;
        int lanes = Math.Min(SelectiveScan.ChannelsPerGroup, l.Channels - first) / TLane.Count;
        int tokenBlock = TokenLength * l.Segment * TLane.Count, carriedBlock = CarriedLength * TLane.Count;
        float* steps = scratch.Pointer + ((long)thread * scratchPitch);
        float* tokens = steps + (StepLength * (l.Segment + 1) * TLane.Count), carried = tokens + (lanes * tokenBlock);

        int begin = l.Begin(strip), end = l.End(strip);
        for (int j = 0; j < lanes; j++)
        {
            Start<TLane>(in s, strip, first + (j * TLane.Count), end < l.Tokens, carried + (j * carriedBlock));
        }

        int segments = (end - begin + l.Segment - 1) / l.Segment;
        for (int i = segments - 1; i >= 0; i--)
        {
            int t = begin + (i * l.Segment);
            ScanSegment segment = new(l, strip, t, Math.Min(t + l.Segment, end));
            long kept = t > 0 ? l.Slot(strip, t, keep: 1) : -1;
            for (int j = 0; j < lanes; j++)
            {
                Read<TLane>(in s, in segment, first + (j * TLane.Count), tokens + (j * tokenBlock));
            }

            for (int q = 0; q < TQuads.Value; q++)
            {
                Clear<TLane>(steps, segment.Count);
                for (int j = 0; j < lanes; j++)
                {
                    int column = first + (j * TLane.Count);
                    float* token = tokens + (j * tokenBlock), carry = carried + (j * carriedBlock) + (4 * q * TLane.Count);
                    Recompute<TLane>(in s, in segment, kept, column, q, token, steps);
                    Reverse<TLane>(in s, in segment, column, q, token, steps, carry);
                }

                Reduce<TLane>(in s, in segment, group, q, steps);
            }

            for (int j = 0; j < lanes; j++)
            {
                Write<TLane>(
                    in s, in segment, first + (j * TLane.Count), tokens + (j * tokenBlock),
                    carried + (j * carriedBlock) + (2 * States * TLane.Count));
            }
        }

        for (int j = 0; j < lanes; j++)
        {
            Finish<TLane>(in s, strip, first + (j * TLane.Count), carried + (j * carriedBlock));
        }
    }

    /// <summary>The adjoint that flows in; dA and dD begin at zero.</summary>
    private static unsafe void Start<TLane>(in ScanAdjoint s, long strip, int column, bool several, float* carried)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int e = s.View.Layout.Channels;
        for (int n = 0; n < CarriedLength; n++)
        {
            TLane g = n < States && several ? TLane.Load(s.Incoming, (((strip * States) + n) * e) + column) : TLane.Of(0f);
            TLane.StoreTo(carried + (n * TLane.Count), g);
        }
    }

    /// <summary>Gathers the tokens of a segment, which stand a row apart, for one lane of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Read<TLane>(in ScanAdjoint s, in ScanSegment segment, int column, float* token)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int e = s.View.Layout.Channels, count = segment.Count;
        long at = (segment.Row * e) + column, step = segment.Stride * e;
        float* u = s.View.U.Pointer + at, delta = s.View.Delta.Pointer + at, dy = s.Dy.Pointer + at;
        TLane zero = TLane.Of(0f);
        for (int t = 0; t < count; t++)
        {
            TLane dt = TLane.LoadFrom(delta);
            TLane.StoreTo(token + (Delta * TLane.Count), dt);
            TLane.StoreTo(token + (X * TLane.Count), dt * TLane.LoadFrom(u));
            TLane.StoreTo(token + (Dy * TLane.Count), TLane.LoadFrom(dy));
            TLane.StoreTo(token + (DX * TLane.Count), zero);
            TLane.StoreTo(token + (DDelta * TLane.Count), zero);
            u += step;
            delta += step;
            dy += step;
            token += TokenLength * TLane.Count;
        }
    }

    /// <summary>Sums for dB and dC begin at zero.</summary>
    private static unsafe void Clear<TLane>(float* steps, int count)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        for (int t = 0; t < count; t++, steps += StepLength * TLane.Count)
        {
            new Span<float>(steps + (DB * TLane.Count), 8 * TLane.Count).Clear();
        }
    }

    /// <summary>Four states before every token of a segment and after its last, from the kept ones, and their decays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Recompute<TLane>(
        in ScanAdjoint s, in ScanSegment segment, long keptSlot, int column, int q, float* token, float* step)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int e = s.View.Layout.Channels, w = TLane.Count, count = segment.Count;
        long row = segment.Row, stride = segment.Stride, bStep = stride * s.View.BPitch;
        float* b = s.View.B.Pointer + (row * s.View.BPitch) + (4 * q);
        float* a = s.View.A.Pointer + ((((long)segment.Direction * States) + (4 * q)) * e) + column;
        Quad<TLane> rate = Load<TLane>(a, e), h = default;
        if (keptSlot >= 0)
        {
            float* kept = s.Checkpoints.Pointer + keptSlot + (4L * q * e) + column;
            h = Load<TLane>(kept, e);

            // The segment before this one comes next.
            kept -= (long)States * e;
            CpuLaneMath.Prefetch(kept);
            CpuLaneMath.Prefetch(kept + e);
            CpuLaneMath.Prefetch(kept + (2L * e));
            CpuLaneMath.Prefetch(kept + (3L * e));
        }

        bool fetchU = q == 0, fetchDelta = q == TQuads.Value / 3, fetchDy = q == TQuads.Value * 2 / 3;
        long next = ((row - (s.View.Layout.Segment * stride)) * e) + column;
        float* u = s.View.U.Pointer, delta = s.View.Delta.Pointer, dy = s.Dy.Pointer;
        for (int t = 0; t < count; t++)
        {
            if (fetchU)
            {
                CpuLaneMath.Prefetch(u + next);
            }

            if (fetchDelta)
            {
                CpuLaneMath.Prefetch(delta + next);
            }

            if (fetchDy)
            {
                CpuLaneMath.Prefetch(dy + next);
            }

            next += stride * e;
            Store(step + (State * w), h);

            TLane dt = TLane.LoadFrom(token + (Delta * w)), x = TLane.LoadFrom(token + (X * w));
            Quad<TLane> decay = TLane.Exp2(dt, rate);
            Store(step + (Decay * w), decay);
            h.X = TLane.Fma(decay.X, h.X, x * TLane.Of(b[0]));
            h.Y = TLane.Fma(decay.Y, h.Y, x * TLane.Of(b[1]));
            h.Z = TLane.Fma(decay.Z, h.Z, x * TLane.Of(b[2]));
            h.W = TLane.Fma(decay.W, h.W, x * TLane.Of(b[3]));
            step += StepLength * w;
            token += TokenLength * w;
            b += bStep;
        }

        Store(step + (State * w), h);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe Quad<TLane> Load<TLane>(float* from, long pitch)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        Quad<TLane> q = default;
        q.X = TLane.LoadFrom(from);
        q.Y = TLane.LoadFrom(from + pitch);
        q.Z = TLane.LoadFrom(from + (2 * pitch));
        q.W = TLane.LoadFrom(from + (3 * pitch));
        return q;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Store<TLane>(float* to, Quad<TLane> q)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        TLane.StoreTo(to, q.X);
        TLane.StoreTo(to + TLane.Count, q.Y);
        TLane.StoreTo(to + (2 * TLane.Count), q.Z);
        TLane.StoreTo(to + (3 * TLane.Count), q.W);
    }

    /// <summary>The tokens of a segment from the last to the first, for four states of one lane of channels.</summary>
    /// <remarks>What leaves a token backwards, a_t g_t, times the state before it is g (h_t − Δ u B).</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Reverse<TLane>(
        in ScanAdjoint s, in ScanSegment segment, int column, int q, float* token, float* step, float* carried)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int e = s.View.Layout.Channels, w = TLane.Count, count = segment.Count, last = count - 1;
        long row = segment.Row, stride = segment.Stride, bStep = stride * s.View.BPitch, cStep = stride * s.View.CPitch;
        float* b = s.View.B.Pointer + (row * s.View.BPitch) + (last * bStep) + (4 * q);
        float* c = s.View.C.Pointer + (row * s.View.CPitch) + (last * cStep) + (4 * q);
        float* a = s.View.A.Pointer + ((((long)segment.Direction * States) + (4 * q)) * e) + column;
        TLane a0 = TLane.LoadFrom(a), a1 = TLane.LoadFrom(a + e), a2 = TLane.LoadFrom(a + (2L * e)), a3 = TLane.LoadFrom(a + (3L * e));
        float* dA = carried + (States * w);
        TLane g0 = TLane.LoadFrom(carried), g1 = TLane.LoadFrom(carried + w);
        TLane g2 = TLane.LoadFrom(carried + (2 * w)), g3 = TLane.LoadFrom(carried + (3 * w));
        TLane dA0 = TLane.LoadFrom(dA), dA1 = TLane.LoadFrom(dA + w), dA2 = TLane.LoadFrom(dA + (2 * w)), dA3 = TLane.LoadFrom(dA + (3 * w));
        step += (long)StepLength * count * w;
        token += (long)TokenLength * count * w;
        TLane h0 = TLane.LoadFrom(step + (State * w)), h1 = TLane.LoadFrom(step + ((State + 1) * w));
        TLane h2 = TLane.LoadFrom(step + ((State + 2) * w)), h3 = TLane.LoadFrom(step + ((State + 3) * w));

        // Written once all states are done.
        bool fetchDu = q == TQuads.Value / 2, fetchDDelta = q == TQuads.Value - 1;
        long next = (row * e) + column;
        float* du = s.Du.Pointer, dDelta = s.DDelta.Pointer;
        for (int t = last; t >= 0; t--)
        {
            if (fetchDu)
            {
                CpuLaneMath.Prefetch(du + next);
            }

            if (fetchDDelta)
            {
                CpuLaneMath.Prefetch(dDelta + next);
            }

            next += stride * e;
            step -= StepLength * w;
            token -= TokenLength * w;
            TLane dt = TLane.LoadFrom(token + (Delta * w)), x = TLane.LoadFrom(token + (X * w)), dyt = TLane.LoadFrom(token + (Dy * w));
            TLane dx = TLane.LoadFrom(token + (DX * w)), dDt = TLane.LoadFrom(token + (DDelta * w));

            g0 = TLane.Fma(dyt, TLane.Of(c[0]), g0);
            g1 = TLane.Fma(dyt, TLane.Of(c[1]), g1);
            g2 = TLane.Fma(dyt, TLane.Of(c[2]), g2);
            g3 = TLane.Fma(dyt, TLane.Of(c[3]), g3);
            TLane.StoreTo(step + ((DC + 0) * w), TLane.Fma(dyt, h0, TLane.LoadFrom(step + ((DC + 0) * w))));
            TLane.StoreTo(step + ((DC + 1) * w), TLane.Fma(dyt, h1, TLane.LoadFrom(step + ((DC + 1) * w))));
            TLane.StoreTo(step + ((DC + 2) * w), TLane.Fma(dyt, h2, TLane.LoadFrom(step + ((DC + 2) * w))));
            TLane.StoreTo(step + ((DC + 3) * w), TLane.Fma(dyt, h3, TLane.LoadFrom(step + ((DC + 3) * w))));
            TLane.StoreTo(step + ((DB + 0) * w), TLane.Fma(x, g0, TLane.LoadFrom(step + ((DB + 0) * w))));
            TLane.StoreTo(step + ((DB + 1) * w), TLane.Fma(x, g1, TLane.LoadFrom(step + ((DB + 1) * w))));
            TLane.StoreTo(step + ((DB + 2) * w), TLane.Fma(x, g2, TLane.LoadFrom(step + ((DB + 2) * w))));
            TLane.StoreTo(step + ((DB + 3) * w), TLane.Fma(x, g3, TLane.LoadFrom(step + ((DB + 3) * w))));
            dx = TLane.Fma(g0, TLane.Of(b[0]), dx);
            dx = TLane.Fma(g1, TLane.Of(b[1]), dx);
            dx = TLane.Fma(g2, TLane.Of(b[2]), dx);
            dx = TLane.Fma(g3, TLane.Of(b[3]), dx);
            g0 *= TLane.LoadFrom(step + ((Decay + 0) * w));
            g1 *= TLane.LoadFrom(step + ((Decay + 1) * w));
            g2 *= TLane.LoadFrom(step + ((Decay + 2) * w));
            g3 *= TLane.LoadFrom(step + ((Decay + 3) * w));
            h0 = TLane.LoadFrom(step + ((State + 0) * w));
            h1 = TLane.LoadFrom(step + ((State + 1) * w));
            h2 = TLane.LoadFrom(step + ((State + 2) * w));
            h3 = TLane.LoadFrom(step + ((State + 3) * w));
            TLane slope0 = g0 * h0, slope1 = g1 * h1, slope2 = g2 * h2, slope3 = g3 * h3;
            dA0 = TLane.Fma(dt, slope0, dA0);
            dA1 = TLane.Fma(dt, slope1, dA1);
            dA2 = TLane.Fma(dt, slope2, dA2);
            dA3 = TLane.Fma(dt, slope3, dA3);
            dDt = TLane.Fma(slope0, a0, dDt);
            dDt = TLane.Fma(slope1, a1, dDt);
            dDt = TLane.Fma(slope2, a2, dDt);
            dDt = TLane.Fma(slope3, a3, dDt);
            TLane.StoreTo(token + (DX * w), dx);
            TLane.StoreTo(token + (DDelta * w), dDt);
            b -= bStep;
            c -= cStep;
        }

        TLane.StoreTo(carried + (0 * w), g0);
        TLane.StoreTo(carried + (1 * w), g1);
        TLane.StoreTo(carried + (2 * w), g2);
        TLane.StoreTo(carried + (3 * w), g3);
        TLane.StoreTo(dA + (0 * w), dA0);
        TLane.StoreTo(dA + (1 * w), dA1);
        TLane.StoreTo(dA + (2 * w), dA2);
        TLane.StoreTo(dA + (3 * w), dA3);
    }

    /// <summary>dB and dC of four states of a segment, summed over the columns of the lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Reduce<TLane>(in ScanAdjoint s, in ScanSegment segment, int group, int q, float* step)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        long pitch = segment.Stride * s.Groups * States, to = (((segment.Row * s.Groups) + group) * States) + (4 * q);
        int count = segment.Count;
        float* dB = s.DB.Pointer + to, dC = s.DC.Pointer + to;
        for (int t = 0; t < count; t++)
        {
            for (int n = 0; n < 4; n++)
            {
                dB[n] = TLane.Sum(TLane.LoadFrom(step + ((DB + n) * TLane.Count)));
                dC[n] = TLane.Sum(TLane.LoadFrom(step + ((DC + n) * TLane.Count)));
            }

            step += StepLength * TLane.Count;
            dB += pitch;
            dC += pitch;
        }
    }

    /// <summary>du and dΔ of a segment, and its share of dD, for one lane of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Write<TLane>(in ScanAdjoint s, in ScanSegment segment, int column, float* token, float* dDs)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int e = s.View.Layout.Channels, count = segment.Count;
        long at = (segment.Row * e) + column, step = segment.Stride * e;
        float* u = s.View.U.Pointer + at, du = s.Du.Pointer + at, dDelta = s.DDelta.Pointer + at;
        bool addU = s.AddU != 0, addDelta = s.AddDelta != 0;
        TLane d = TLane.LoadFrom(s.View.D.Pointer + ((long)segment.Direction * e) + column);
        TLane dD = TLane.LoadFrom(dDs), ln2 = TLane.Of(Ln2);
        for (int t = 0; t < count; t++)
        {
            TLane ut = TLane.LoadFrom(u), dyt = TLane.LoadFrom(token + (Dy * TLane.Count)), dx = TLane.LoadFrom(token + (DX * TLane.Count));
            TLane dut = TLane.Fma(d, dyt, TLane.LoadFrom(token + (Delta * TLane.Count)) * dx);

            // A carries log₂e, so the sum over slopes·A is in the unit of 2^x.
            TLane dDt = TLane.Fma(ut, dx, ln2 * TLane.LoadFrom(token + (DDelta * TLane.Count)));
            dD = TLane.Fma(dyt, ut, dD);
            TLane.StoreTo(du, addU ? TLane.LoadFrom(du) + dut : dut);
            TLane.StoreTo(dDelta, addDelta ? TLane.LoadFrom(dDelta) + dDt : dDt);
            u += step;
            du += step;
            dDelta += step;
            token += TokenLength * TLane.Count;
        }

        TLane.StoreTo(dDs, dD);
    }

    /// <summary>dA_log and dD of a strip; dA/dA_log = A.</summary>
    private static unsafe void Finish<TLane>(in ScanAdjoint s, long strip, int column, float* carried)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        ScanLayout l = s.View.Layout;
        int e = l.Channels;
        long parameter = ((long)l.Direction(strip) * States * e) + column;
        for (int n = 0; n < States; n++)
        {
            TLane a = TLane.Of(Ln2) * TLane.Load(s.View.A, parameter + ((long)n * e));
            TLane.Store(s.DA, (((strip * States) + n) * e) + column, a * TLane.LoadFrom(carried + ((States + n) * TLane.Count)));
        }

        TLane.Store(s.DD, (strip * e) + column, TLane.LoadFrom(carried + (2 * States * TLane.Count)));
    }
}
