namespace DimIlgpu.Kernels;

/// <summary>GPU: one strip is one chunk of one sequence of one direction; the states of a channel stay in registers.</summary>
[KernelInstance(typeof(OneQuad))]
[KernelInstance(typeof(TwoQuads))]
[KernelInstance(typeof(ThreeQuads))]
[KernelInstance(typeof(FourQuads))]
internal readonly struct ScanForward<TQuads>(ScanView view, Floats states, Floats y, int keep) : IStripKernel
    where TQuads : struct, IQuads
{
    public static int MostColumnsPerThread => 1;

    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        ScanLayout l = view.Layout;
        int end = l.End(strip);
        for (int t = l.Begin(strip); t < end; t += l.Segment)
        {
            int next = t + l.Segment < end ? t + l.Segment : end;
            long from = t > 0 ? l.Slot(strip, t, keep) + column : -1;
            long to = next < end ? l.Slot(strip, next, keep) + column : -1;
            Tokens<TLane>(view, states, y, strip, column, t, next, from, to);
        }
    }

    // The states come and go once a segment.
    private static void Tokens<TLane>(
        in ScanView view, Floats states, Floats y, long strip, int column, int t0, int t1, long from, long to)
        where TLane : unmanaged, ILane<TLane>
    {
        Floats u = view.U, delta = view.Delta, b = view.B, c = view.C;
        int e = view.Layout.Channels, direction = view.Layout.Direction(strip), stride = view.Layout.Stride(strip);
        long parameter = (4L * TQuads.Value * direction * e) + column, row = view.Layout.Row(strip, t0);
        long at = (row * e) + column, bt = row * view.BPitch, ct = row * view.CPitch;
        long atStep = (long)stride * e, btStep = (long)stride * view.BPitch, ctStep = (long)stride * view.CPitch;
        TLane d = TLane.Load(view.D, ((long)direction * e) + column);

        Quad<TLane> a0 = Quad<TLane>.Load(view.A, parameter, e), a1 = default, a2 = default, a3 = default;
        Quad<TLane> h0 = default, h1 = default, h2 = default, h3 = default;
        if (from >= 0)
        {
            h0 = Quad<TLane>.Load(states, from, e);
        }

        if (TQuads.Value > 1)
        {
            a1 = Quad<TLane>.Load(view.A, parameter + (4L * e), e);
            if (from >= 0)
            {
                h1 = Quad<TLane>.Load(states, from + (4L * e), e);
            }
        }

        if (TQuads.Value > 2)
        {
            a2 = Quad<TLane>.Load(view.A, parameter + (8L * e), e);
            if (from >= 0)
            {
                h2 = Quad<TLane>.Load(states, from + (8L * e), e);
            }
        }

        if (TQuads.Value > 3)
        {
            a3 = Quad<TLane>.Load(view.A, parameter + (12L * e), e);
            if (from >= 0)
            {
                h3 = Quad<TLane>.Load(states, from + (12L * e), e);
            }
        }

        for (int t = t0; t < t1; t++)
        {
            TLane ut = TLane.Load(u, at), dt = TLane.Load(delta, at), x = dt * ut;
            h0 = Quad<TLane>.Step(h0, a0, dt, x, b, bt);
            TLane yt = Quad<TLane>.Dot(h0, c, ct, d * ut);
            if (TQuads.Value > 1)
            {
                h1 = Quad<TLane>.Step(h1, a1, dt, x, b, bt + 4);
                yt = Quad<TLane>.Dot(h1, c, ct + 4, yt);
            }

            if (TQuads.Value > 2)
            {
                h2 = Quad<TLane>.Step(h2, a2, dt, x, b, bt + 8);
                yt = Quad<TLane>.Dot(h2, c, ct + 8, yt);
            }

            if (TQuads.Value > 3)
            {
                h3 = Quad<TLane>.Step(h3, a3, dt, x, b, bt + 12);
                yt = Quad<TLane>.Dot(h3, c, ct + 12, yt);
            }

            TLane.Store(y, at, yt);
            at += atStep;
            bt += btStep;
            ct += ctStep;
        }

        if (to >= 0)
        {
            Quad<TLane>.Store(states, to, e, h0);
            if (TQuads.Value > 1)
            {
                Quad<TLane>.Store(states, to + (4L * e), e, h1);
            }

            if (TQuads.Value > 2)
            {
                Quad<TLane>.Store(states, to + (8L * e), e, h2);
            }

            if (TQuads.Value > 3)
            {
                Quad<TLane>.Store(states, to + (12L * e), e, h3);
            }
        }
    }
}
