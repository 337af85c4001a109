using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a group is a strip and 128 of its channels, a thread each; dB and dC are summed through shared memory.</summary>
[KernelInstance(typeof(OneQuad))]
[KernelInstance(typeof(TwoQuads))]
[KernelInstance(typeof(ThreeQuads))]
[KernelInstance(typeof(FourQuads))]
internal readonly struct ScanGroups<TQuads>(ScanAdjoint adjoint, Floats states) : IGroupKernel
    where TQuads : struct, IQuads
{
    private const int Threads = SelectiveScan.ChannelsPerGroup;
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
        g = Quad<ThreadLane>.Times(g, ThreadLane.Exp2(dt, a));
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
