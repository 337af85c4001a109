using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>How many quads of states a channel has: N / 4.</summary>
internal interface IQuads
{
    static abstract int Value { get; }
}

internal readonly struct OneQuad : IQuads
{
    public static int Value => 1;
}

internal readonly struct TwoQuads : IQuads
{
    public static int Value => 2;
}

internal readonly struct ThreeQuads : IQuads
{
    public static int Value => 3;
}

internal readonly struct FourQuads : IQuads
{
    public static int Value => 4;
}

/// <summary>Four states of a lane of channels.</summary>
internal struct Quad<TLane>
    where TLane : unmanaged, ILane<TLane>
{
    public TLane X;
    public TLane Y;
    public TLane Z;
    public TLane W;

    /// <summary>Four rows of a matrix with a state per row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<TLane> Load(Floats memory, long index, int pitch)
    {
        Quad<TLane> q = default;
        q.X = TLane.Load(memory, index);
        q.Y = TLane.Load(memory, index + pitch);
        q.Z = TLane.Load(memory, index + (2L * pitch));
        q.W = TLane.Load(memory, index + (3L * pitch));
        return q;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Floats memory, long index, int pitch, Quad<TLane> q)
    {
        TLane.Store(memory, index, q.X);
        TLane.Store(memory, index + pitch, q.Y);
        TLane.Store(memory, index + (2L * pitch), q.Z);
        TLane.Store(memory, index + (3L * pitch), q.W);
    }

    /// <summary>Four adjacent scalars, shared by the channels of the lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<TLane> Broadcast(Floats memory, long index)
    {
        Quad<TLane> q = default;
        q.X = TLane.Of(TLane.Read(memory, index));
        q.Y = TLane.Of(TLane.Read(memory, index + 1));
        q.Z = TLane.Of(TLane.Read(memory, index + 2));
        q.W = TLane.Of(TLane.Read(memory, index + 3));
        return q;
    }

    /// <summary>−exp(A_log)·log₂e: A in the unit of 2^x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<TLane> LoadA(Floats aLog, long index, int pitch)
    {
        Quad<TLane> q = Load(aLog, index, pitch);
        TLane scale = TLane.Of(-1.44269504f);
        q.X = scale * TLane.Exp(q.X);
        q.Y = scale * TLane.Exp(q.Y);
        q.Z = scale * TLane.Exp(q.Z);
        q.W = scale * TLane.Exp(q.W);
        return q;
    }

    /// <summary>2^(Δ·A).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<TLane> Decay(TLane delta, Quad<TLane> a)
    {
        a.X = TLane.Exp2(delta * a.X);
        a.Y = TLane.Exp2(delta * a.Y);
        a.Z = TLane.Exp2(delta * a.Z);
        a.W = TLane.Exp2(delta * a.W);
        return a;
    }

    /// <summary>a ⊙ h + x·b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<TLane> Affine(Quad<TLane> a, Quad<TLane> h, TLane x, Quad<TLane> b)
    {
        h.X = TLane.Fma(a.X, h.X, x * b.X);
        h.Y = TLane.Fma(a.Y, h.Y, x * b.Y);
        h.Z = TLane.Fma(a.Z, h.Z, x * b.Z);
        h.W = TLane.Fma(a.W, h.W, x * b.W);
        return h;
    }

    /// <summary>One token: 2^(Δ·A) ⊙ h + x·b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<TLane> Step(Quad<TLane> h, Quad<TLane> a, TLane delta, TLane x, Floats b, long index)
    {
        h.X = TLane.Fma(TLane.Exp2(delta * a.X), h.X, x * TLane.Of(TLane.Read(b, index)));
        h.Y = TLane.Fma(TLane.Exp2(delta * a.Y), h.Y, x * TLane.Of(TLane.Read(b, index + 1)));
        h.Z = TLane.Fma(TLane.Exp2(delta * a.Z), h.Z, x * TLane.Of(TLane.Read(b, index + 2)));
        h.W = TLane.Fma(TLane.Exp2(delta * a.W), h.W, x * TLane.Of(TLane.Read(b, index + 3)));
        return h;
    }

    /// <summary>h + x·b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<TLane> Plus(Quad<TLane> h, TLane x, Quad<TLane> b)
    {
        h.X = TLane.Fma(x, b.X, h.X);
        h.Y = TLane.Fma(x, b.Y, h.Y);
        h.Z = TLane.Fma(x, b.Z, h.Z);
        h.W = TLane.Fma(x, b.W, h.W);
        return h;
    }

    /// <summary>p ⊙ q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<TLane> Times(Quad<TLane> p, Quad<TLane> q)
    {
        p.X *= q.X;
        p.Y *= q.Y;
        p.Z *= q.Z;
        p.W *= q.W;
        return p;
    }

    /// <summary>x·p.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<TLane> Times(TLane x, Quad<TLane> p)
    {
        p.X *= x;
        p.Y *= x;
        p.Z *= x;
        p.W *= x;
        return p;
    }

    /// <summary>sum + p·q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Dot(Quad<TLane> p, Quad<TLane> q, TLane sum) =>
        TLane.Fma(p.X, q.X, TLane.Fma(p.Y, q.Y, TLane.Fma(p.Z, q.Z, TLane.Fma(p.W, q.W, sum))));

    /// <summary>sum + h·c, c being four adjacent scalars.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLane Dot(Quad<TLane> h, Floats c, long index, TLane sum) => TLane.Fma(
        h.X, TLane.Of(TLane.Read(c, index)), TLane.Fma(
            h.Y, TLane.Of(TLane.Read(c, index + 1)), TLane.Fma(
                h.Z, TLane.Of(TLane.Read(c, index + 2)), TLane.Fma(h.W, TLane.Of(TLane.Read(c, index + 3)), sum))));
}

/// <summary>One strip is one chunk of one sequence of one direction; a lane's states stay in registers.</summary>
[KernelInstance(typeof(OneQuad))]
[KernelInstance(typeof(TwoQuads))]
[KernelInstance(typeof(ThreeQuads))]
[KernelInstance(typeof(FourQuads))]
internal readonly struct ScanForward<TQuads>(ScanView view, Floats incoming, Floats y, Floats checkpoints, int keep) : IStripKernel
    where TQuads : struct, IQuads
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        ScanLayout l = view.Layout;
        Floats u = view.U, delta = view.Delta, b = view.B, c = view.C, output = y;
        int e = l.Channels, bPitch = view.BPitch, cPitch = view.CPitch, states = 4 * TQuads.Value;
        int direction = l.Direction(strip);
        long parameter = ((long)direction * states * e) + column;
        TLane d = TLane.Load(view.D, ((long)direction * e) + column);
        TLane bias = TLane.Load(view.DeltaBias, ((long)direction * e) + column);

        Quad<TLane> a0 = Quad<TLane>.LoadA(view.ALog, parameter, e), a1 = default, a2 = default, a3 = default;
        Quad<TLane> h0 = default, h1 = default, h2 = default, h3 = default;
        if (TQuads.Value > 1)
        {
            a1 = Quad<TLane>.LoadA(view.ALog, parameter + (4L * e), e);
        }

        if (TQuads.Value > 2)
        {
            a2 = Quad<TLane>.LoadA(view.ALog, parameter + (8L * e), e);
        }

        if (TQuads.Value > 3)
        {
            a3 = Quad<TLane>.LoadA(view.ALog, parameter + (12L * e), e);
        }

        int begin = l.Begin(strip), end = l.End(strip);
        if (begin > 0)
        {
            long from = (strip * states * e) + column;
            h0 = Quad<TLane>.Load(incoming, from, e);
            if (TQuads.Value > 1)
            {
                h1 = Quad<TLane>.Load(incoming, from + (4L * e), e);
            }

            if (TQuads.Value > 2)
            {
                h2 = Quad<TLane>.Load(incoming, from + (8L * e), e);
            }

            if (TQuads.Value > 3)
            {
                h3 = Quad<TLane>.Load(incoming, from + (12L * e), e);
            }
        }

        long row = l.Row(strip, begin);
        int stride = l.Stride(strip);
        for (int t0 = begin; t0 < end; t0 += l.Segment)
        {
            if (keep != 0)
            {
                long to = (((l.Sequence(strip) * l.Segments) + (t0 / l.Segment)) * states * e) + column;
                Quad<TLane>.Store(checkpoints, to, e, h0);
                if (TQuads.Value > 1)
                {
                    Quad<TLane>.Store(checkpoints, to + (4L * e), e, h1);
                }

                if (TQuads.Value > 2)
                {
                    Quad<TLane>.Store(checkpoints, to + (8L * e), e, h2);
                }

                if (TQuads.Value > 3)
                {
                    Quad<TLane>.Store(checkpoints, to + (12L * e), e, h3);
                }
            }

            int t1 = t0 + l.Segment < end ? t0 + l.Segment : end;
            for (int t = t0; t < t1; t++, row += stride)
            {
                long at = (row * e) + column, bt = row * bPitch, ct = row * cPitch;
                TLane ut = TLane.Load(u, at);
                TLane dt = LaneMath.Softplus(TLane.Load(delta, at) + bias);
                TLane x = dt * ut;
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

                TLane.Store(output, at, yt);
            }
        }
    }
}

/// <summary>
/// The fold of one chunk's maps: for the states b = Σ decays·Δ B u from its first token to its last, or for the adjoints
/// the same of C dy from its last to its first; and ΣΔ, from which the decay of the whole chunk follows.
/// </summary>
[KernelInstance(typeof(OneQuad))]
[KernelInstance(typeof(TwoQuads))]
[KernelInstance(typeof(ThreeQuads))]
[KernelInstance(typeof(FourQuads))]
internal readonly struct ScanFold<TQuads>(ScanView view, Floats dy, Floats folds, Floats sums, int adjoint) : IStripKernel
    where TQuads : struct, IQuads
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        ScanLayout l = view.Layout;
        Floats delta = view.Delta;
        int e = l.Channels, states = 4 * TQuads.Value;
        int direction = l.Direction(strip);
        long parameter = ((long)direction * states * e) + column;
        TLane bias = TLane.Load(view.DeltaBias, ((long)direction * e) + column);

        Quad<TLane> a0 = Quad<TLane>.LoadA(view.ALog, parameter, e), a1 = default, a2 = default, a3 = default;
        Quad<TLane> h0 = default, h1 = default, h2 = default, h3 = default;
        if (TQuads.Value > 1)
        {
            a1 = Quad<TLane>.LoadA(view.ALog, parameter + (4L * e), e);
        }

        if (TQuads.Value > 2)
        {
            a2 = Quad<TLane>.LoadA(view.ALog, parameter + (8L * e), e);
        }

        if (TQuads.Value > 3)
        {
            a3 = Quad<TLane>.LoadA(view.ALog, parameter + (12L * e), e);
        }

        int begin = l.Begin(strip), end = l.End(strip);
        TLane sum = TLane.Of(0f);
        for (int i = begin; i < end; i++)
        {
            long row = l.Row(strip, adjoint != 0 ? begin + end - 1 - i : i), at = (row * e) + column;
            TLane dt = LaneMath.Softplus(TLane.Load(delta, at) + bias);
            sum += dt;
            Floats vector = adjoint != 0 ? view.C : view.B;
            long vt = row * (adjoint != 0 ? view.CPitch : view.BPitch);
            TLane x = adjoint != 0 ? TLane.Load(dy, at) : dt * TLane.Load(view.U, at);
            h0 = Next(h0, a0, dt, x, vector, vt);
            if (TQuads.Value > 1)
            {
                h1 = Next(h1, a1, dt, x, vector, vt + 4);
            }

            if (TQuads.Value > 2)
            {
                h2 = Next(h2, a2, dt, x, vector, vt + 8);
            }

            if (TQuads.Value > 3)
            {
                h3 = Next(h3, a3, dt, x, vector, vt + 12);
            }
        }

        long to = (strip * states * e) + column;
        TLane.Store(sums, (strip * e) + column, sum);
        Quad<TLane>.Store(folds, to, e, h0);
        if (TQuads.Value > 1)
        {
            Quad<TLane>.Store(folds, to + (4L * e), e, h1);
        }

        if (TQuads.Value > 2)
        {
            Quad<TLane>.Store(folds, to + (8L * e), e, h2);
        }

        if (TQuads.Value > 3)
        {
            Quad<TLane>.Store(folds, to + (12L * e), e, h3);
        }
    }

    // A state decays before the token's own term joins; an adjoint receives its term and then decays on its way back.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Quad<TLane> Next<TLane>(Quad<TLane> h, Quad<TLane> a, TLane dt, TLane x, Floats vector, long index)
        where TLane : unmanaged, ILane<TLane>
    {
        Quad<TLane> decay = Quad<TLane>.Decay(dt, a), b = Quad<TLane>.Broadcast(vector, index);
        return adjoint != 0
            ? Quad<TLane>.Times(decay, Quad<TLane>.Plus(h, x, b))
            : Quad<TLane>.Affine(decay, h, x, b);
    }
}

/// <summary>The scan of the folds with the operator (a₂a₁, a₂b₁ + b₂): each chunk's fold becomes what flows into it.</summary>
internal readonly struct ScanOfFolds(ScanLayout layout, Floats aLog, Floats folds, Floats sums, int adjoint) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        int e = layout.Channels, chunks = layout.Chunks;
        long sequence = strip / layout.States;
        int state = (int)(strip % layout.States), direction = (int)(sequence / layout.Batch);
        TLane a = TLane.Of(-1.44269504f) * TLane.Exp(TLane.Load(aLog, ((((long)direction * layout.States) + state) * e) + column));
        TLane flow = TLane.Of(0f);
        for (int i = 0; i < chunks; i++)
        {
            long chunk = (sequence * chunks) + (adjoint != 0 ? chunks - 1 - i : i);
            long at = (((chunk * layout.States) + state) * e) + column;
            TLane fold = TLane.Load(folds, at);
            TLane.Store(folds, at, flow);
            flow = TLane.Fma(TLane.Exp2(a * TLane.Load(sums, (chunk * e) + column)), flow, fold);
        }
    }
}
