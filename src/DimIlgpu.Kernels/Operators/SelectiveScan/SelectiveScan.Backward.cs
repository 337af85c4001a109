using System.Runtime.CompilerServices;
using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Everything that the backward kernels read and write.</summary>
internal readonly struct ScanAdjoint(
    ScanView view, Floats incoming, Floats checkpoints, Floats dy, Floats du, Floats dDelta,
    Floats dA, Floats dD, Floats dB, Floats dC, int groups, int addU, int addDelta)
{
    public readonly ScanView View = view;

    /// <summary>The adjoint that flows into each chunk from the one after it; read when there are several.</summary>
    public readonly Floats Incoming = incoming;
    public readonly Floats Checkpoints = checkpoints;
    public readonly Floats Dy = dy;
    public readonly Floats Du = du;
    public readonly Floats DDelta = dDelta;

    /// <summary>Per strip: (N, E) and (E) partial sums.</summary>
    public readonly Floats DA = dA;
    public readonly Floats DD = dD;

    /// <summary>Per row and group of channels: N partial sums.</summary>
    public readonly Floats DB = dB;
    public readonly Floats DC = dC;
    public readonly int Groups = groups;
    public readonly int AddU = addU;
    public readonly int AddDelta = addDelta;
}

/// <summary>
/// The backward pass of a chunk, from its last segment to its first: the states of a segment are recomputed from the
/// kept one, then its tokens run in reverse. dB and dC are summed over 128 channels before they leave the processor.
/// </summary>
/// <remarks>
/// With g_t = C_t dy_t + a_{t+1} ⊙ g_{t+1} and a_t = exp(Δ_t A): dC_t = Σ_e dy h_t; dB_t = Σ_e g Δ u;
/// d(Δu) = Σ_n g B; dΔ = u·d(Δu) + Σ_n g (h_t − Δ u B) A; dA = Σ_t g (h_t − Δ u B) Δ; dD = Σ_t dy u; du = Δ·d(Δu) + D dy.
/// </remarks>
internal static class ScanBackward
{
    public const int ChannelsPerGroup = 128;

    public static void Launch(Device device, ScanAdjoint adjoint)
    {
        switch (adjoint.View.Layout.States / 4)
        {
            case 1:
                Launch<OneQuad>(device, adjoint);
                break;
            case 2:
                Launch<TwoQuads>(device, adjoint);
                break;
            case 3:
                Launch<ThreeQuads>(device, adjoint);
                break;
            default:
                Launch<FourQuads>(device, adjoint);
                break;
        }
    }

    private static void Launch<TQuads>(Device device, ScanAdjoint adjoint)
        where TQuads : struct, IQuads
    {
        ScanLayout l = adjoint.View.Layout;
        if (device.Kind == DeviceKind.Cpu)
        {
            int lane = device.Lane(l.Channels), lanes = (ChannelsPerGroup + lane - 1) / lane;
            Shape shape = new(device.Workers, ScanTiles<TQuads>.ScratchLength(l.Segment, lanes) * lane);
            using ArenaScope scope = device.Scratch.Scope();
            device.Tiles(
                new ScanTiles<TQuads>(adjoint, device.Scratch.Rent(shape).Memory, shape.Columns), l.Strips * adjoint.Groups, lane);
        }
        else
        {
            using ArenaScope scope = device.Scratch.Scope();
            Tensor states = device.Scratch.Rent(new(l.Strips * l.Segment * l.States, l.Channels));
            device.Groups(
                new ScanGroups<TQuads>(adjoint, states.Memory),
                new Index3D(adjoint.Groups, checked((int)l.Strips), 1), ChannelsPerGroup);
        }
    }
}

/// <summary>CPU: a tile is a strip and up to 128 of its channels, a register of them at a time.</summary>
internal readonly struct ScanTiles<TQuads>(ScanAdjoint adjoint, Floats scratch, int scratchPitch) : ITileKernel
    where TQuads : struct, IQuads
{
    private const float Ln2 = 0.693147181f;

    private static int States => 4 * TQuads.Value;

    /// <summary>Lanes of scratch: states, decays, dB and dC of a segment; the adjoint, dA and dD of each lane.</summary>
    public static int ScratchLength(int segment, int lanes) => (4 * segment * States) + (lanes * ((2 * States) + 1));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long tile, int worker)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        ScanAdjoint s = adjoint;
        ScanLayout l = s.View.Layout;
        int e = l.Channels;
        long strip = tile / s.Groups;
        int group = (int)(tile % s.Groups), firstColumn = group * ScanBackward.ChannelsPerGroup;
        int lanes = Math.Min(ScanBackward.ChannelsPerGroup, e - firstColumn) / TLane.Count;
        int block = l.Segment * States * TLane.Count;
        long states = (long)worker * scratchPitch, decays = states + block, db = decays + block, dc = db + block;
        long carried = dc + block;
        int carriedPitch = ((2 * States) + 1) * TLane.Count;

        int begin = l.Begin(strip), end = l.End(strip);
        bool last = end == l.Tokens;
        for (int j = 0; j < lanes; j++)
        {
            for (int n = 0; n < (2 * States) + 1; n++)
            {
                TLane g = n < States && !last
                    ? TLane.Load(s.Incoming, ((strip * States) + n) * e + firstColumn + (j * TLane.Count))
                    : TLane.Of(0f);
                TLane.Store(scratch, carried + (j * carriedPitch) + (n * TLane.Count), g);
            }
        }

        int segments = (end - begin + l.Segment - 1) / l.Segment;
        for (int segment = segments - 1; segment >= 0; segment--)
        {
            int t0 = begin + (segment * l.Segment), t1 = Math.Min(t0 + l.Segment, end);
            for (int j = 0; j < lanes; j++)
            {
                int column = firstColumn + (j * TLane.Count);
                Recompute<TLane>(in s, scratch, strip, column, t0, t1, states, decays);
                Reverse<TLane>(in s, scratch, strip, column, t0, t1, states, decays, db, dc, carried + (j * carriedPitch), j == 0);
            }

            this.Reduce<TLane>(in s, strip, group, t0, t1, db, dc);
        }

        for (int j = 0; j < lanes; j++)
        {
            int column = firstColumn + (j * TLane.Count);
            long from = carried + (j * carriedPitch) + (States * TLane.Count);
            long parameter = ((long)l.Direction(strip) * States * e) + column;
            for (int n = 0; n < States; n++)
            {
                // dA/dA_log = A.
                TLane a = TLane.Of(Ln2) * TLane.Load(s.View.A, parameter + ((long)n * e));
                TLane.Store(s.DA, (((strip * States) + n) * e) + column, a * TLane.Load(scratch, from + (n * TLane.Count)));
            }

            TLane.Store(s.DD, (strip * e) + column, TLane.Load(scratch, from + (States * TLane.Count)));
        }
    }

    /// <summary>The states and decays of every token of a segment, from the kept state.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Recompute<TLane>(
        in ScanAdjoint s, Floats scratch, long strip, int column, int t0, int t1, long states, long decays)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        ScanLayout l = s.View.Layout;
        Floats u = s.View.U, delta = s.View.Delta, b = s.View.B;
        int e = l.Channels, bPitch = s.View.BPitch, stride = l.Stride(strip), direction = l.Direction(strip);
        long kept = l.Slot(strip, t0, keep: 1) + column;
        long parameter = ((long)direction * States * e) + column;

        for (int q = 0; q < TQuads.Value; q++)
        {
            Quad<TLane> a = Quad<TLane>.Load(s.View.A, parameter + (4L * q * e), e), h = default;
            if (t0 > 0)
            {
                h = Quad<TLane>.Load(s.Checkpoints, kept + (4L * q * e), e);
            }

            long row = l.Row(strip, t0), to = 4 * q * TLane.Count;
            for (int t = t0; t < t1; t++, row += stride, to += States * TLane.Count)
            {
                long at = (row * e) + column;
                TLane dt = TLane.Load(delta, at);
                Quad<TLane> decay = Quad<TLane>.Decay(dt, a);
                h = Quad<TLane>.Affine(decay, h, dt * TLane.Load(u, at), Quad<TLane>.Broadcast(b, (row * bPitch) + (4 * q)));
                Quad<TLane>.Store(scratch, states + to, TLane.Count, h);
                Quad<TLane>.Store(scratch, decays + to, TLane.Count, decay);
            }
        }
    }

    /// <summary>The tokens of a segment from the last to the first, for one lane of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Reverse<TLane>(
        in ScanAdjoint s, Floats scratch, long strip, int column, int t0, int t1,
        long states, long decays, long db, long dc, long carried, bool first)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        ScanLayout l = s.View.Layout;
        Floats u = s.View.U, delta = s.View.Delta, b = s.View.B, c = s.View.C, dy = s.Dy, du = s.Du, dDelta = s.DDelta;
        int e = l.Channels, bPitch = s.View.BPitch, cPitch = s.View.CPitch, stride = l.Stride(strip), direction = l.Direction(strip);
        int addU = s.AddU, addDelta = s.AddDelta;
        TLane d = TLane.Load(s.View.D, ((long)direction * e) + column);
        long parameter = ((long)direction * States * e) + column;
        long dParameters = carried + (States * TLane.Count);
        TLane dD = TLane.Load(scratch, dParameters + (States * TLane.Count));

        for (int q = 0; q < TQuads.Value; q++)
        {
            long quad = 4L * q * TLane.Count;
            Quad<TLane> a = Quad<TLane>.Times(TLane.Of(Ln2), Quad<TLane>.Load(s.View.A, parameter + (4L * q * e), e));
            Quad<TLane> g = Quad<TLane>.Load(scratch, carried + quad, TLane.Count);
            Quad<TLane> dA = Quad<TLane>.Load(scratch, dParameters + quad, TLane.Count);
            long row = l.Row(strip, t1 - 1), from = ((t1 - 1 - t0) * States * TLane.Count) + quad;
            for (int t = t1 - 1; t >= t0; t--, row -= stride, from -= States * TLane.Count)
            {
                long at = (row * e) + column;
                TLane ut = TLane.Load(u, at), dt = TLane.Load(delta, at), dyt = TLane.Load(dy, at), x = dt * ut;
                Quad<TLane> h = Quad<TLane>.Load(scratch, states + from, TLane.Count);
                Quad<TLane> decay = Quad<TLane>.Load(scratch, decays + from, TLane.Count);
                Quad<TLane> bt = Quad<TLane>.Broadcast(b, (row * bPitch) + (4 * q));
                g = Quad<TLane>.Plus(g, dyt, Quad<TLane>.Broadcast(c, (row * cPitch) + (4 * q)));
                if (first)
                {
                    Quad<TLane>.Store(scratch, dc + from, TLane.Count, Quad<TLane>.Times(dyt, h));
                    Quad<TLane>.Store(scratch, db + from, TLane.Count, Quad<TLane>.Times(x, g));
                }
                else
                {
                    Quad<TLane>.Store(scratch, dc + from, TLane.Count, Quad<TLane>.Plus(Quad<TLane>.Load(scratch, dc + from, TLane.Count), dyt, h));
                    Quad<TLane>.Store(scratch, db + from, TLane.Count, Quad<TLane>.Plus(Quad<TLane>.Load(scratch, db + from, TLane.Count), x, g));
                }

                TLane dx = Quad<TLane>.Dot(g, bt, TLane.Of(0f));
                Quad<TLane> slope = Quad<TLane>.Times(g, Quad<TLane>.Plus(h, -x, bt));
                dA = Quad<TLane>.Plus(dA, dt, slope);
                TLane dDt = Quad<TLane>.Dot(slope, a, ut * dx), dut = dt * dx;
                g = Quad<TLane>.Times(g, decay);

                // Each quad adds its share.
                if (q == 0)
                {
                    dut = TLane.Fma(d, dyt, dut);
                    dD = TLane.Fma(dyt, ut, dD);
                }

                TLane.Store(du, at, q == 0 && addU == 0 ? dut : TLane.Load(du, at) + dut);
                TLane.Store(dDelta, at, q == 0 && addDelta == 0 ? dDt : TLane.Load(dDelta, at) + dDt);
            }

            Quad<TLane>.Store(scratch, carried + quad, TLane.Count, g);
            Quad<TLane>.Store(scratch, dParameters + quad, TLane.Count, dA);
        }

        TLane.Store(scratch, dParameters + (States * TLane.Count), dD);
    }

    /// <summary>dB and dC of a segment, summed over the channels of the group.</summary>
    private void Reduce<TLane>(in ScanAdjoint s, long strip, int group, int t0, int t1, long db, long dc)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        ScanLayout l = s.View.Layout;
        for (int t = t0; t < t1; t++)
        {
            long to = ((l.Row(strip, t) * s.Groups) + group) * States, from = (long)(t - t0) * States * TLane.Count;
            for (int n = 0; n < States; n++, from += TLane.Count)
            {
                ScalarLane.Store(s.DB, to + n, ScalarLane.Of(TLane.Sum(TLane.Load(scratch, db + from))));
                ScalarLane.Store(s.DC, to + n, ScalarLane.Of(TLane.Sum(TLane.Load(scratch, dc + from))));
            }
        }
    }
}

/// <summary>GPU: a group is a strip and 128 of its channels, a thread each; dB and dC are summed through shared memory.</summary>
[KernelInstance(typeof(OneQuad))]
[KernelInstance(typeof(TwoQuads))]
[KernelInstance(typeof(ThreeQuads))]
[KernelInstance(typeof(FourQuads))]
internal readonly struct ScanGroups<TQuads>(ScanAdjoint adjoint, Floats states) : IGroupKernel
    where TQuads : struct, IQuads
{
    private const int Threads = ScanBackward.ChannelsPerGroup;
    private const int MostValues = 2 * SelectiveScan.MaxStates;
    private const int Slices = 4;
    private const float Ln2 = 0.693147181f;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> terms = SharedMemory.Allocate<float>(MostValues * Threads);
        ArrayView<float> sums = SharedMemory.Allocate<float>(MostValues * Slices);
        ScanAdjoint s = adjoint;
        ScanLayout l = s.View.Layout;
        int e = l.Channels, count = 4 * TQuads.Value, thread = Group.IdxX;
        long strip = Grid.IdxY;
        int column = (Grid.IdxX * Threads) + thread, direction = l.Direction(strip);

        // Threads beyond the last channel work on it too, so that all reach the barriers; they add and store nothing.
        bool active = column < e;
        column = active ? column : e - 1;
        ThreadLane mask = ThreadLane.Of(active ? 1f : 0f);
        ThreadLane d = ThreadLane.Load(s.View.D, ((long)direction * e) + column);
        ThreadLane dD = ThreadLane.Of(0f);
        long parameter = ((long)direction * count * e) + column, scratch = (strip * l.Segment * count * e) + column;

        Quad<ThreadLane> a0 = Quad<ThreadLane>.Load(s.View.A, parameter, e), a1 = default, a2 = default, a3 = default;
        Quad<ThreadLane> g0 = default, g1 = default, g2 = default, g3 = default;
        Quad<ThreadLane> dA0 = default, dA1 = default, dA2 = default, dA3 = default;
        int begin = l.Begin(strip), end = l.End(strip);
        long flow = (strip * count * e) + column;

        // An adjoint that flows in would reach dB through threads beyond the last channel: theirs stays zero.
        bool several = active && end < l.Tokens;
        if (several)
        {
            g0 = Quad<ThreadLane>.Load(s.Incoming, flow, e);
        }

        if (TQuads.Value > 1)
        {
            a1 = Quad<ThreadLane>.Load(s.View.A, parameter + (4L * e), e);
            if (several)
            {
                g1 = Quad<ThreadLane>.Load(s.Incoming, flow + (4L * e), e);
            }
        }

        if (TQuads.Value > 2)
        {
            a2 = Quad<ThreadLane>.Load(s.View.A, parameter + (8L * e), e);
            if (several)
            {
                g2 = Quad<ThreadLane>.Load(s.Incoming, flow + (8L * e), e);
            }
        }

        if (TQuads.Value > 3)
        {
            a3 = Quad<ThreadLane>.Load(s.View.A, parameter + (12L * e), e);
            if (several)
            {
                g3 = Quad<ThreadLane>.Load(s.Incoming, flow + (12L * e), e);
            }
        }

        int segments = (end - begin + l.Segment - 1) / l.Segment;
        for (int segment = segments - 1; segment >= 0; segment--)
        {
            int t0 = begin + (segment * l.Segment), t1 = t0 + l.Segment < end ? t0 + l.Segment : end;
            long kept = l.Slot(strip, t0, keep: 1) + column;
            Recompute(s, states, strip, column, t0, t1, a0, kept, scratch, 0, count);
            if (TQuads.Value > 1)
            {
                Recompute(s, states, strip, column, t0, t1, a1, kept, scratch, 4, count);
            }

            if (TQuads.Value > 2)
            {
                Recompute(s, states, strip, column, t0, t1, a2, kept, scratch, 8, count);
            }

            if (TQuads.Value > 3)
            {
                Recompute(s, states, strip, column, t0, t1, a3, kept, scratch, 12, count);
            }

            for (int t = t1 - 1; t >= t0; t--)
            {
                long row = l.Row(strip, t), at = (row * e) + column, from = scratch + ((long)(t - t0) * count * e);
                long bt = row * s.View.BPitch, ct = row * s.View.CPitch;
                ThreadLane ut = ThreadLane.Load(s.View.U, at), dt = ThreadLane.Load(s.View.Delta, at), x = dt * ut;
                ThreadLane dyt = mask * ThreadLane.Load(s.Dy, at);
                ThreadLane dx = ThreadLane.Of(0f), dDt = ThreadLane.Of(0f);

                Token(s, states, terms, thread, from, bt, ct, e, dt, x, dyt, a0, ref g0, ref dA0, ref dx, ref dDt, 0);
                if (TQuads.Value > 1)
                {
                    Token(s, states, terms, thread, from, bt, ct, e, dt, x, dyt, a1, ref g1, ref dA1, ref dx, ref dDt, 4);
                }

                if (TQuads.Value > 2)
                {
                    Token(s, states, terms, thread, from, bt, ct, e, dt, x, dyt, a2, ref g2, ref dA2, ref dx, ref dDt, 8);
                }

                if (TQuads.Value > 3)
                {
                    Token(s, states, terms, thread, from, bt, ct, e, dt, x, dyt, a3, ref g3, ref dA3, ref dx, ref dDt, 12);
                }

                // a carries log₂e, so the sum over slopes·a is in the unit of 2^x.
                dDt = ThreadLane.Fma(ut, dx, ThreadLane.Of(Ln2) * dDt);
                dD = ThreadLane.Fma(dyt, ut, dD);
                if (active)
                {
                    ThreadLane dut = ThreadLane.Fma(d, dyt, dt * dx);
                    ThreadLane.Store(s.Du, at, s.AddU != 0 ? ThreadLane.Load(s.Du, at) + dut : dut);
                    ThreadLane.Store(s.DDelta, at, s.AddDelta != 0 ? ThreadLane.Load(s.DDelta, at) + dDt : dDt);
                }

                Reduce<TPlatform>(s, terms, sums, thread, ((row * s.Groups) + Grid.IdxX) * count, count);
            }
        }

        if (active)
        {
            ThreadLane.Store(s.DD, (strip * e) + column, dD);
            ThreadLane ln2 = ThreadLane.Of(Ln2);
            Quad<ThreadLane>.Store(s.DA, flow, e, Quad<ThreadLane>.Times(ln2, Quad<ThreadLane>.Times(dA0, a0)));
            if (TQuads.Value > 1)
            {
                Quad<ThreadLane>.Store(s.DA, flow + (4L * e), e, Quad<ThreadLane>.Times(ln2, Quad<ThreadLane>.Times(dA1, a1)));
            }

            if (TQuads.Value > 2)
            {
                Quad<ThreadLane>.Store(s.DA, flow + (8L * e), e, Quad<ThreadLane>.Times(ln2, Quad<ThreadLane>.Times(dA2, a2)));
            }

            if (TQuads.Value > 3)
            {
                Quad<ThreadLane>.Store(s.DA, flow + (12L * e), e, Quad<ThreadLane>.Times(ln2, Quad<ThreadLane>.Times(dA3, a3)));
            }
        }
    }

    private static void Recompute(
        ScanAdjoint s, Floats states, long strip, int column, int t0, int t1, Quad<ThreadLane> a, long kept, long scratch,
        int state, int count)
    {
        ScanLayout l = s.View.Layout;
        int e = l.Channels;
        Quad<ThreadLane> h = default;
        if (t0 > 0)
        {
            h = Quad<ThreadLane>.Load(s.Checkpoints, kept + ((long)state * e), e);
        }

        for (int t = t0; t < t1; t++)
        {
            long row = l.Row(strip, t), at = (row * e) + column;
            ThreadLane dt = ThreadLane.Load(s.View.Delta, at);
            h = Quad<ThreadLane>.Step(h, a, dt, dt * ThreadLane.Load(s.View.U, at), s.View.B, (row * s.View.BPitch) + state);

            // Threads beyond the last channel hold the same values, so their stores agree.
            Quad<ThreadLane>.Store(states, scratch + ((((long)(t - t0) * count) + state) * e), e, h);
        }
    }

    private static void Token(
        ScanAdjoint s, Floats states, ArrayView<float> terms, int thread, long from, long bt, long ct, int e,
        ThreadLane dt, ThreadLane x, ThreadLane dyt, Quad<ThreadLane> a,
        ref Quad<ThreadLane> g, ref Quad<ThreadLane> dA, ref ThreadLane dx, ref ThreadLane dDt, int state)
    {
        Quad<ThreadLane> h = Quad<ThreadLane>.Load(states, from + ((long)state * e), e);
        Quad<ThreadLane> b = Quad<ThreadLane>.Broadcast(s.View.B, bt + state);
        g = Quad<ThreadLane>.Plus(g, dyt, Quad<ThreadLane>.Broadcast(s.View.C, ct + state));
        Share(terms, thread, state, Quad<ThreadLane>.Times(x, g));
        Share(terms, thread, SelectiveScan.MaxStates + state, Quad<ThreadLane>.Times(dyt, h));
        dx = Quad<ThreadLane>.Dot(g, b, dx);
        Quad<ThreadLane> slope = Quad<ThreadLane>.Times(g, Quad<ThreadLane>.Plus(h, -x, b));
        dA = Quad<ThreadLane>.Plus(dA, dt, slope);
        dDt = Quad<ThreadLane>.Dot(slope, a, dDt);
        g = Quad<ThreadLane>.Times(g, Quad<ThreadLane>.Decay(dt, a));
    }

    private static void Share(ArrayView<float> terms, int thread, int value, Quad<ThreadLane> q)
    {
        terms[(value * Threads) + thread] = ThreadLane.Sum(q.X);
        terms[((value + 1) * Threads) + thread] = ThreadLane.Sum(q.Y);
        terms[((value + 2) * Threads) + thread] = ThreadLane.Sum(q.Z);
        terms[((value + 3) * Threads) + thread] = ThreadLane.Sum(q.W);
    }

    private static void Reduce<TPlatform>(
        ScanAdjoint s, ArrayView<float> terms, ArrayView<float> sums, int thread, long to, int count)
        where TPlatform : struct, IPlatform
    {
        TPlatform.Barrier();
        int value = thread / Slices, slice = thread % Slices;
        float sum = 0f;
        for (int i = 0; i < Threads / Slices; i++)
        {
            // Each thread starts elsewhere, so that a warp's reads fall into different banks.
            sum += terms[(value * Threads) + (slice * (Threads / Slices)) + ((i + thread) % (Threads / Slices))];
        }

        sums[thread] = sum;
        TPlatform.Barrier();
        int state = thread % SelectiveScan.MaxStates;
        if (thread < MostValues && state < count)
        {
            float total = sums[thread * Slices] + sums[(thread * Slices) + 1] + sums[(thread * Slices) + 2] + sums[(thread * Slices) + 3];
            ThreadLane.Store(thread < SelectiveScan.MaxStates ? s.DB : s.DC, to + state, ThreadLane.Of(total));
        }
    }
}
