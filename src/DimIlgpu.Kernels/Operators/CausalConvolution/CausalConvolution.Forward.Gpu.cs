using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: ten tokens in registers serve four outputs in each direction, and eight are on their way.</summary>
[KernelInstance(typeof(FloatPair))]
[KernelInstance(typeof(NarrowPair))]
internal readonly struct CausalConvolutionForwardGroups<TStored>(CausalLayout layout, Floats u, int uPitch) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    public static int GroupsPerProcessor => Interop.SizeOf<TStored>() < Interop.SizeOf<FloatPair>() ? 7 : 5;

    public static int ThreadsPerGroup => CausalLayout.Team * CausalLayout.Teams;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        CausalPlace place = new(layout);
        if (!place.IsThere)
        {
            return;
        }

        // Views that start at the first token that is read, so that offsets are small and never negative.
        int column = place.Column, before = place.Before, step = layout.Pitch / 2, uStep = uPitch / 2;
        int limit = before + place.Left;
        ArrayView<TStored> xs = TStored.Of(layout.X).SubView((((place.Row - before) * layout.Pitch) + column) / 2);
        ArrayView<TStored> forward = TStored.Of(u).SubView(((place.Row * uPitch) + column) / 2);
        ArrayView<TStored> backward = TStored.Of(u).SubView((((place.Row + layout.Rows) * uPitch) + column) / 2);
        CausalFilter filter = layout.Filter(column);
        CausalTokens<TStored> early = new(xs, before - 4, step, 0, limit), late = new(xs, before, step, 0, limit);
        CausalTokens<TStored> next = new(xs, before + 3, step, 0, limit), afterNext = new(xs, before + 7, step, 0, limit);
        CausalWindow x = new()
        {
            X0 = early.T1.Value, X1 = early.T2.Value, X2 = early.T3.Value, X3 = late.T0.Value, X4 = late.T1.Value, X5 = late.T2.Value,
        };
        int t = 0;

        // Without a condition where all that is read and written is there, so that loads and sums of four tokens mix. By
        // two fours, each with registers of its own: to move what is on its way would be to wait for it.
        for (; t + 16 <= place.Count && before + t + 18 < limit; t += 8)
        {
            x = x.With(next);
            next = new(xs, before + t + 11, step);
            Put(forward, backward, t * uStep, uStep, new(filter, x));
            x = x.Last().With(afterNext);
            afterNext = new(xs, before + t + 15, step);
            Put(forward, backward, (t + 4) * uStep, uStep, new(filter, x));
            x = x.Last();
        }

        for (; t + 8 <= place.Count; t += 8)
        {
            x = x.With(next);
            Put(forward, backward, t * uStep, uStep, new(filter, x));
            x = x.Last().With(afterNext);
            Put(forward, backward, (t + 4) * uStep, uStep, new(filter, x));
            x = x.Last();
            next = new(xs, before + t + 11, step, 0, t + 8 < place.Count ? limit : 0);
            afterNext = new(xs, before + t + 15, step, 0, t + 12 < place.Count ? limit : 0);
        }

        for (; t < place.Count; t += 4)
        {
            x = x.With(next);
            next = afterNext;
            CausalOutputs<TStored> y = new(filter, x);
            int left = place.Count - t;
            Put(forward, backward, t * uStep, left > 0, y.F0, y.B0);
            Put(forward, backward, (t + 1) * uStep, left > 1, y.F1, y.B1);
            Put(forward, backward, (t + 2) * uStep, left > 2, y.F2, y.B2);
            Put(forward, backward, (t + 3) * uStep, left > 3, y.F3, y.B3);
            x = x.Last();
        }
    }

    private static void Put(ArrayView<TStored> forward, ArrayView<TStored> backward, int offset, int step, CausalOutputs<TStored> y)
    {
        forward[offset] = y.F0;
        forward[offset + step] = y.F1;
        forward[offset + (2 * step)] = y.F2;
        forward[offset + (3 * step)] = y.F3;
        backward[offset] = y.B0;
        backward[offset + step] = y.B1;
        backward[offset + (2 * step)] = y.B2;
        backward[offset + (3 * step)] = y.B3;
    }

    private static void Put(ArrayView<TStored> forward, ArrayView<TStored> backward, int offset, bool isThere, TStored f, TStored b)
    {
        if (isThere)
        {
            forward[offset] = f;
            backward[offset] = b;
        }
    }
}

/// <summary>Ten tokens of x, which four outputs in each direction are computed from.</summary>
internal struct CausalWindow
{
    public FloatPair X0, X1, X2, X3, X4, X5, X6, X7, X8, X9;

    /// <summary>The first six and the four that follow them.</summary>
    public readonly CausalWindow With<TStored>(CausalTokens<TStored> next)
        where TStored : unmanaged, IStored<TStored, FloatPair> => new()
        {
            X0 = this.X0, X1 = this.X1, X2 = this.X2, X3 = this.X3, X4 = this.X4, X5 = this.X5,
            X6 = next.T0.Value, X7 = next.T1.Value, X8 = next.T2.Value, X9 = next.T3.Value,
        };

    /// <summary>The last six, as the first of the next.</summary>
    public readonly CausalWindow Last() => new()
    {
        X0 = this.X4, X1 = this.X5, X2 = this.X6, X3 = this.X7, X4 = this.X8, X5 = this.X9,
    };
}

/// <summary>Four outputs in each direction, as they are stored.</summary>
internal readonly struct CausalOutputs<TStored>(CausalFilter w, CausalWindow x)
    where TStored : unmanaged, IStored<TStored, FloatPair>
{
    public readonly TStored F0 = Silu(w.Forward(x.X0, x.X1, x.X2, x.X3));
    public readonly TStored F1 = Silu(w.Forward(x.X1, x.X2, x.X3, x.X4));
    public readonly TStored F2 = Silu(w.Forward(x.X2, x.X3, x.X4, x.X5));
    public readonly TStored F3 = Silu(w.Forward(x.X3, x.X4, x.X5, x.X6));
    public readonly TStored B0 = Silu(w.Backward(x.X3, x.X4, x.X5, x.X6));
    public readonly TStored B1 = Silu(w.Backward(x.X4, x.X5, x.X6, x.X7));
    public readonly TStored B2 = Silu(w.Backward(x.X5, x.X6, x.X7, x.X8));
    public readonly TStored B3 = Silu(w.Backward(x.X6, x.X7, x.X8, x.X9));

    private static TStored Silu(FloatPair sum) => TStored.From(FloatPair.Silu(sum));
}
