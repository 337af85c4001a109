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
        a = TLane.Exp2(delta, a);
        h.X = TLane.Fma(a.X, h.X, x * TLane.Of(TLane.Read(b, index)));
        h.Y = TLane.Fma(a.Y, h.Y, x * TLane.Of(TLane.Read(b, index + 1)));
        h.Z = TLane.Fma(a.Z, h.Z, x * TLane.Of(TLane.Read(b, index + 2)));
        h.W = TLane.Fma(a.W, h.W, x * TLane.Of(TLane.Read(b, index + 3)));
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
    public static TLane Dot(Quad<TLane> h, Floats c, long index, TLane sum)
    {
        // One after the other: nested in one expression, the JIT loads all scalars first and runs out of registers.
        sum = TLane.Fma(h.W, TLane.Of(TLane.Read(c, index + 3)), sum);
        sum = TLane.Fma(h.Z, TLane.Of(TLane.Read(c, index + 2)), sum);
        sum = TLane.Fma(h.Y, TLane.Of(TLane.Read(c, index + 1)), sum);
        return TLane.Fma(h.X, TLane.Of(TLane.Read(c, index)), sum);
    }
}

/// <summary>−exp(A_log)·log₂e: A in the unit of 2^x.</summary>
internal readonly struct ScanDecayRate(Floats aLog, Floats a, int pitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane> => TLane.Store(
            a, (strip * pitch) + column, TLane.Of(-1.44269504f) * TLane.Exp(TLane.Load(aLog, (strip * pitch) + column)));
}

/// <summary>
/// The fold of one chunk's maps for four states: Σ decays·Δ B u from its first token to its last, or for the adjoints
/// Σ decays·C dy from its last to its first; and ΣΔ, from which the decay of the whole chunk follows.
/// </summary>
internal readonly struct ScanFold(ScanView view, Floats dy, Floats folds, Floats sums, int adjoint) : IStripKernel
{
    public static int MostColumnsPerThread => 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        ScanLayout l = view.Layout;
        Floats delta = view.Delta;
        int e = l.Channels, quads = l.States / 4, quad = (int)(strip % quads);
        strip /= quads;
        Quad<TLane> a = Quad<TLane>.Load(view.A, ((((long)l.Direction(strip) * l.States) + (4 * quad)) * e) + column, e);
        Quad<TLane> h = default;
        TLane sum = TLane.Of(0f);
        int begin = l.Begin(strip), end = l.End(strip);
        for (int i = begin; i < end; i++)
        {
            long row = l.Row(strip, adjoint != 0 ? begin + end - 1 - i : i), at = (row * e) + column;
            TLane dt = TLane.Load(delta, at);
            sum += dt;
            Quad<TLane> decay = TLane.Exp2(dt, a);
            if (adjoint != 0)
            {
                // An adjoint receives its token's term and then decays on its way back.
                h = Quad<TLane>.Plus(h, TLane.Load(dy, at), Quad<TLane>.Broadcast(view.C, (row * view.CPitch) + (4 * quad)));
                h = Quad<TLane>.Times(decay, h);
            }
            else
            {
                h = Quad<TLane>.Affine(decay, h, dt * TLane.Load(view.U, at), Quad<TLane>.Broadcast(view.B, (row * view.BPitch) + (4 * quad)));
            }
        }

        Quad<TLane>.Store(folds, (((strip * l.States) + (4 * quad)) * e) + column, e, h);
        if (quad == 0)
        {
            TLane.Store(sums, (strip * e) + column, sum);
        }
    }
}

/// <summary>The scan of the folds with the operator (a₂a₁, a₂b₁ + b₂): what flows into each chunk.</summary>
internal readonly struct ScanOfFolds(ScanView view, Floats folds, Floats sums, Floats incoming, int adjoint, int keep) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        ScanLayout l = view.Layout;
        int e = l.Channels, chunks = l.Chunks, state = (int)(strip % l.States);
        long sequence = strip / l.States, inSlot = ((long)state * e) + column;
        TLane a = TLane.Load(view.A, (sequence / l.Batch * l.States * e) + inSlot);
        TLane flow = TLane.Of(0f);
        for (int i = 0; i < chunks; i++)
        {
            long chunk = (sequence * chunks) + (adjoint != 0 ? chunks - 1 - i : i);
            TLane.Store(incoming, l.Slot(chunk, l.Begin(chunk), keep) + inSlot, flow);
            TLane fold = TLane.Load(folds, (chunk * l.States * e) + inSlot);
            flow = TLane.Fma(TLane.Exp2(a, TLane.Load(sums, (chunk * e) + column)), flow, fold);
        }
    }
}
