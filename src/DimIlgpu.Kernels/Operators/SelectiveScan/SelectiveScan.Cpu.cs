using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>A segment of a strip, as loops over its tokens need it.</summary>
internal readonly struct ScanSegment(ScanLayout l, long strip, int begin, int end)
{
    public readonly int Count = end - begin;

    /// <summary>The row of its first token.</summary>
    public readonly long Row = l.Row(strip, begin);

    /// <summary>From one token to the next: +1 or −1 rows.</summary>
    public readonly long Stride = l.Stride(strip);
    public readonly int Direction = l.Direction(strip);
}

/// <summary>CPU: a tile is a strip and some of its channels.</summary>
/// <remarks>
/// A row of the sequence is often a page from the next. So a segment is finished for all channels of the tile before the
/// next begins, what comes next is fetched ahead, and tokens are gathered: rows a power of two apart share few places of
/// the first cache. Four states at a time leave registers for four 2^x side by side.
/// </remarks>
internal readonly struct ScanForwardTiles<TQuads>(ScanView view, Floats states, Floats y, int keep, int groups, Floats scratch, int scratchPitch)
    : ITileKernel
    where TQuads : struct, IQuads
{
    // What a token of a lane needs: Δ, Δu and the sum that becomes y.
    private const int Delta = 0, X = 1, Y = 2, TokenLength = 3;

    /// <summary>Lanes of scratch.</summary>
    public static int ScratchLength(int segment) => TokenLength * segment;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public unsafe void Execute<TLane>(long tile, int thread)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        ScanLayout l = view.Layout;
        long strip = tile / groups;
        int group = (int)(tile % groups), lanes = l.Channels / TLane.Count, end = l.End(strip);
        int first = (int)((long)lanes * group / groups) * TLane.Count, last = (int)((long)lanes * (group + 1) / groups) * TLane.Count;
        float* tokens = scratch.Pointer + ((long)thread * scratchPitch);
        for (int t = l.Begin(strip); t < end; t += l.Segment)
        {
            int next = Math.Min(t + l.Segment, end);
            ScanSegment segment = new(l, strip, t, next);
            long from = t > 0 ? l.Slot(strip, t, keep) : -1, to = next < end ? l.Slot(strip, next, keep) : -1;
            for (int column = first; column < last; column += TLane.Count)
            {
                // The same tokens of the next register come next, or the first one of the next segment.
                long ahead = column + TLane.Count < last ? TLane.Count : (l.Segment * segment.Stride * l.Channels) + first - column;
                Read<TLane>(in view, in segment, column, tokens);
                for (int q = 0; q < TQuads.Value; q++)
                {
                    Tokens<TLane>(in view, in segment, states, y, column, q, from, to, ahead, tokens);
                }
            }
        }
    }

    /// <summary>Gathers the tokens of a segment for one lane of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Read<TLane>(in ScanView view, in ScanSegment segment, int column, float* token)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int e = view.Layout.Channels, count = segment.Count;
        long at = (segment.Row * e) + column, pitch = segment.Stride * e;
        float* u = view.U.Pointer + at, delta = view.Delta.Pointer + at;
        TLane d = TLane.Load(view.D, ((long)segment.Direction * e) + column);
        for (int t = 0; t < count; t++)
        {
            TLane ut = TLane.LoadFrom(u), dt = TLane.LoadFrom(delta);
            TLane.StoreTo(token + (Delta * TLane.Count), dt);
            TLane.StoreTo(token + (X * TLane.Count), dt * ut);
            TLane.StoreTo(token + (Y * TLane.Count), d * ut);
            u += pitch;
            delta += pitch;
            token += TokenLength * TLane.Count;
        }
    }

    /// <summary>The tokens of a segment for four states; with the last four y is complete.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Tokens<TLane>(
        in ScanView view, in ScanSegment segment, Floats states, Floats ys, int column, int q, long from, long to, long ahead, float* token)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int e = view.Layout.Channels, count = segment.Count;
        bool complete = q == TQuads.Value - 1;
        long state = (4L * q * e) + column, at = (segment.Row * e) + column, pitch = segment.Stride * e;
        long bt = (segment.Row * view.BPitch) + (4 * q), bPitch = segment.Stride * view.BPitch;
        long ct = (segment.Row * view.CPitch) + (4 * q), cPitch = segment.Stride * view.CPitch;
        Floats b = view.B, c = view.C;
        float* u = view.U.Pointer, delta = view.Delta.Pointer, y = ys.Pointer;
        float* sum = complete ? y + at : token + (Y * TLane.Count);
        long sumPitch = complete ? pitch : TokenLength * TLane.Count;

        // Memory delivers evenly or keeps everything waiting: one array with every four states.
        bool fetchU = q == 0, fetchDelta = q == TQuads.Value / 3, fetchY = q == TQuads.Value * 2 / 3;
        long next = at + ahead;
        Quad<TLane> a = Quad<TLane>.Load(view.A, (4L * TQuads.Value * segment.Direction * e) + state, e), h = default;
        if (from >= 0)
        {
            h = Quad<TLane>.Load(states, from + state, e);
        }

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

            if (fetchY)
            {
                CpuLaneMath.Prefetch(y + next);
            }

            next += pitch;
            h = Quad<TLane>.Step(h, a, TLane.LoadFrom(token + (Delta * TLane.Count)), TLane.LoadFrom(token + (X * TLane.Count)), b, bt);
            TLane.StoreTo(sum, Quad<TLane>.Dot(h, c, ct, TLane.LoadFrom(token + (Y * TLane.Count))));
            token += TokenLength * TLane.Count;
            sum += sumPitch;
            bt += bPitch;
            ct += cPitch;
        }

        if (to >= 0)
        {
            Quad<TLane>.Store(states, to + state, e, h);
        }
    }
}
