namespace DimIlgpu.Kernels;

/// <summary>Normalisation of each token over its channels, and the adaLN modulation that follows it.</summary>
/// <remarks>
/// <para>x̂[r,c] = (x[r,c] − μ_r) · s_r, s_r = (variance_r + ε)^−½, ε = 1e-6, without an affine part of its own.</para>
/// <para>h[r,c] = x̂[r,c] · (1 + scale[b,c]) + shift[b,c], b being the sample of row r; or h = x̂.</para>
/// <para>
/// Where x is the sum y[r,c] = x[r,c] + gate[b,c] · o[r,c] of a residual stream and a gated branch (<see cref="GatedResidual"/>), one
/// pass does both: it reads the stream once and writes it once, and so does the gradient's.
/// </para>
/// <para>g = dh · (1 + scale); dx = s_r · (g − mean_c(g) − x̂ · mean_c(g · x̂)).</para>
/// <para>dshift[b,c] = Σ_{r in b} dh[r,c]; dscale[b,c] = Σ_{r in b} dh[r,c] · x̂[r,c].</para>
/// <para>
/// The variance is taken about one element of the row, so that a large mean does not cost its digits. Source: Ba, Kiros and Hinton 2016,
/// arXiv:1607.06450; the modulation is that of DiT, Peebles and Xie 2022, arXiv:2212.09748.
/// </para>
/// </remarks>
public static partial class LayerNorm
{
    internal const float Epsilon = 1e-6f;

    private const int MostParts = 64;
    private const int FewestRows = 16;

    /// <summary>Normalises each row.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Input, (rows, columns).</param>
    /// <param name="h">Output, (rows, columns).</param>
    /// <param name="statistics">Receives mean and reciprocal standard deviation, (rows, 2), for the backward.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="x"/>.</exception>
    public static void Forward(Device device, Tensor x, Tensor h, Tensor statistics)
    {
        Check.NotEmpty(x);
        Check.Shape(h, x.Shape);
        Check.Dense(statistics, new(x.Rows, 2));
        Forward(device, x, null, x, x, h, statistics, isModulated: false);
    }

    /// <summary>Normalises each row, then scales and shifts it by its sample's modulation.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Input, (samples · tokens, columns), the tokens of a sample being adjacent.</param>
    /// <param name="shift">What is added, (samples, columns).</param>
    /// <param name="scale">What is added to 1 and multiplied, (samples, columns).</param>
    /// <param name="h">Output, (samples · tokens, columns).</param>
    /// <param name="statistics">Receives mean and reciprocal standard deviation, (samples · tokens, 2), for the backward.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the samples do not divide the rows.</exception>
    public static void Forward(Device device, Tensor x, Tensor shift, Tensor scale, Tensor h, Tensor statistics)
    {
        Check.NotEmpty(x);
        Check.Shape(shift, new(shift.Rows, x.Columns));
        Check.Shape(scale, shift.Shape);
        Check.Divides(shift.Rows, x.Rows, nameof(x));
        Check.Shape(h, x.Shape);
        Check.Dense(statistics, new(x.Rows, 2));
        Forward(device, x, null, shift, scale, h, statistics, isModulated: true);
    }

    /// <summary>The gradient of plain normalisation.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">The input, (rows, columns).</param>
    /// <param name="statistics">What the forward wrote, (rows, 2).</param>
    /// <param name="dh">Gradient of the output, (rows, columns).</param>
    /// <param name="dx">Gradient of x; null where not wanted.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="x"/>.</exception>
    public static void Backward(Device device, Tensor x, Tensor statistics, Tensor dh, Sink? dx)
    {
        CheckBackward(x, statistics, dh, dx);
        if (dx is null)
        {
            return;
        }

        if (LayerNormTeams.Fits(device, x, dh, dx.Value.Tensor))
        {
            BackwardGroups(device, x, null, x, statistics, dh, dx, x, samples: 1, new(1, x.Rows), isModulated: false);
            return;
        }

        // Nothing is summed over rows, so that each may be a part of its own.
        device.Rows(
            new LayerNormBackward(
                x.Memory, x.Memory, x.Memory, x.Memory, statistics.Memory, x.Memory, dh.Memory, Target.Of(dx, x), Target.Of(null, x),
                x.Memory, x.Memory, x.Memory, x.Pitch, 0, 0, 0, 0, dh.Pitch, x.Columns, rows: 1, parts: 1, modulated: 0, gated: 0, seeded: 0),
            x.Rows, x.Columns);
    }

    /// <summary>The gradients of normalisation and modulation.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">The input, (samples · tokens, columns).</param>
    /// <param name="scale">The scale, (samples, columns).</param>
    /// <param name="statistics">What the forward wrote, (samples · tokens, 2).</param>
    /// <param name="dh">Gradient of the output, (samples · tokens, columns).</param>
    /// <param name="dx">Gradient of x; null where not wanted.</param>
    /// <param name="dshift">Gradient of the shift, (samples, columns); null where not wanted.</param>
    /// <param name="dscale">Gradient of the scale, (samples, columns); null where not wanted.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the samples do not divide the rows.</exception>
    public static void Backward(
        Device device, Tensor x, Tensor scale, Tensor statistics, Tensor dh, Sink? dx, Sink? dshift, Sink? dscale)
    {
        CheckBackward(x, statistics, dh, dx);
        CheckModulation(x, scale, dshift, dscale);
        Backward(device, x, null, scale, statistics, dh, dx, dshift, dscale);
    }

    private static void CheckModulation(Tensor x, Tensor scale, Sink? dshift, Sink? dscale)
    {
        Check.Shape(scale, new(scale.Rows, x.Columns));
        Check.Divides(scale.Rows, x.Rows, nameof(x));
        CheckSum(dshift, scale.Shape, nameof(dshift));
        CheckSum(dscale, scale.Shape, nameof(dscale));
    }

    private static void Backward(
        Device device, Tensor x, GatedGradient? gated, Tensor scale, Tensor statistics, Tensor dh, Sink? dx, Sink? dshift, Sink? dscale)
    {
        long rows = x.Rows / scale.Rows;
        using ArenaScope scope = device.Scratch.Scope();
        if (LayerNormTeams.Fits(device, x, dh, scale, dx?.Tensor ?? x) && (gated?.Fits(x, dh) ?? true))
        {
            LayerNormSplit split = new(scale.Rows, rows);
            Tensor sums = device.Scratch.Rent(new(scale.Rows * split.Parts, 2 * x.Columns));
            gated = gated is { } some ? some with { Sums = device.Scratch.Rent(new(sums.Rows, x.Columns)) } : null;
            BackwardGroups(device, x, gated, scale, statistics, dh, dx, sums, scale.Rows, split, isModulated: true);
            LayerNormTeams.Fold(device, sums, gated?.Sums ?? sums, split.Parts, dshift, dscale, gated?.Dgate);
            return;
        }

        int parts = (int)Math.Clamp((rows + FewestRows - 1) / FewestRows, 1, MostParts);
        Shape partial = new(scale.Rows * parts, x.Columns);
        Tensor shifts = device.Scratch.Rent(partial), scales = device.Scratch.Rent(partial);
        Tensor gates = gated is null ? shifts : device.Scratch.Rent(partial);
        GatedGradient g = gated ?? GatedGradient.None(x);
        device.Rows(
            new LayerNormBackward(
                x.Memory, g.Gate.Memory, g.O.Memory, scale.Memory, statistics.Memory, g.Seed.Memory, dh.Memory, Target.Of(dx, x),
                Target.Of(g.Branch, x), shifts.Memory, scales.Memory, gates.Memory, x.Pitch, g.Gate.Pitch, g.O.Pitch, scale.Pitch,
                g.Seed.Pitch, dh.Pitch, x.Columns, rows, parts, modulated: 1, gated is null ? 0 : 1, g.Dy is null ? 0 : 1),
            partial.Rows, x.Columns);
        Fold(device, shifts, parts, dshift);
        Fold(device, scales, parts, dscale);
        Fold(device, gates, parts, g.Dgate);
    }

    private static void Fold(Device device, Tensor partial, int parts, Sink? to)
    {
        if (to is { } sink)
        {
            ColumnSum.Fold(device, partial, parts, sink);
        }
    }

    private static void Forward(
        Device device, Tensor x, GatedSum? gated, Tensor shift, Tensor scale, Tensor h, Tensor statistics, bool isModulated)
    {
        int modulated = isModulated ? 1 : 0;
        long samples = isModulated ? shift.Rows : 1, rows = x.Rows / samples;
        LayerNormSplit split = new(samples, rows);
        GatedSum sum = gated ?? new(x, x, x);
        if (!LayerNormTeams.Fits(device, x, h, shift, scale) || !(gated?.Fits(x, h) ?? true))
        {
            device.Rows(
                new LayerNormForward(
                    x.Memory, sum.Gate.Memory, sum.O.Memory, sum.Y.Memory, shift.Memory, scale.Memory, h.Memory, statistics.Memory,
                    x.Pitch, sum.Gate.Pitch, sum.O.Pitch, sum.Y.Pitch, shift.Pitch, scale.Pitch, h.Pitch, x.Columns, rows, modulated,
                    gated is null ? 0 : 1),
                x.Rows, x.Columns);
        }
        else if (x.ElementType == ElementType.BFloat16)
        {
            Stored<NarrowQuad, NarrowQuad>();
        }
        else if (h.ElementType == ElementType.BFloat16)
        {
            Stored<FloatQuad, NarrowQuad>();
        }
        else
        {
            Stored<FloatQuad, FloatQuad>();
        }

        void Stored<TStream, TBranch>()
            where TStream : unmanaged, IStored<TStream, FloatQuad>
            where TBranch : unmanaged, IStored<TBranch, FloatQuad>
        {
            switch (RowParts(x))
            {
                case 1:
                    Held<TStream, TBranch, OneRowPart>();
                    break;
                case 2:
                    Held<TStream, TBranch, TwoRowParts>();
                    break;
                default:
                    Held<TStream, TBranch, ThreeRowParts>();
                    break;
            }
        }

        void Held<TStream, TBranch, TParts>()
            where TStream : unmanaged, IStored<TStream, FloatQuad>
            where TBranch : unmanaged, IStored<TBranch, FloatQuad>
            where TParts : struct, IRowParts
        {
            if (gated is null)
            {
                Launch<TStream, TBranch, TParts, NoBranch>();
            }
            else
            {
                Launch<TStream, TBranch, TParts, GatedBranch>();
            }
        }

        void Launch<TStream, TBranch, TParts, TGated>()
            where TStream : unmanaged, IStored<TStream, FloatQuad>
            where TBranch : unmanaged, IStored<TBranch, FloatQuad>
            where TParts : struct, IRowParts
            where TGated : struct, IGatedBranch => LayerNormTeams.Launch(
                device,
                new LayerNormForwardTeams<TStream, TBranch, TParts, TGated>(
                    x.Memory, sum.Gate.Memory, sum.O.Memory, sum.Y.Memory, shift.Memory, scale.Memory, h.Memory, statistics.Memory,
                    x.Pitch, sum.Gate.Pitch, sum.O.Pitch, sum.Y.Pitch, shift.Pitch, scale.Pitch, h.Pitch, x.Columns, 1f / x.Columns, split,
                    modulated),
                samples * split.Parts, LayerNormTeams.Teams);
    }

    private static void BackwardGroups(
        Device device, Tensor x, GatedGradient? gated, Tensor scale, Tensor statistics, Tensor dh, Sink? dx, Tensor sums, long samples,
        LayerNormSplit split, bool isModulated)
    {
        GatedGradient g = gated ?? GatedGradient.None(x);
        if (x.ElementType == ElementType.BFloat16)
        {
            Stored<NarrowQuad, NarrowQuad>();
        }
        else if (dh.ElementType == ElementType.BFloat16)
        {
            Stored<FloatQuad, NarrowQuad>();
        }
        else
        {
            Stored<FloatQuad, FloatQuad>();
        }

        void Stored<TStream, TBranch>()
            where TStream : unmanaged, IStored<TStream, FloatQuad>
            where TBranch : unmanaged, IStored<TBranch, FloatQuad>
        {
            switch (RowParts(x))
            {
                case 1:
                    Held<TStream, TBranch, OneRowPart>();
                    break;
                case 2:
                    Held<TStream, TBranch, TwoRowParts>();
                    break;
                default:
                    Held<TStream, TBranch, ThreeRowParts>();
                    break;
            }
        }

        void Held<TStream, TBranch, TParts>()
            where TStream : unmanaged, IStored<TStream, FloatQuad>
            where TBranch : unmanaged, IStored<TBranch, FloatQuad>
            where TParts : struct, IRowParts
        {
            if (gated is null)
            {
                Launch<TStream, TBranch, TParts, NoBranch>();
            }
            else
            {
                Launch<TStream, TBranch, TParts, GatedBranch>();
            }
        }

        void Launch<TStream, TBranch, TParts, TGated>()
            where TStream : unmanaged, IStored<TStream, FloatQuad>
            where TBranch : unmanaged, IStored<TBranch, FloatQuad>
            where TParts : struct, IRowParts
            where TGated : struct, IGatedBranch => LayerNormTeams.Launch(
                device,
                new LayerNormBackwardGroups<TStream, TBranch, TParts, TGated>(
                    x.Memory, g.Gate.Memory, g.O.Memory, scale.Memory, statistics.Memory, g.Seed.Memory, dh.Memory, Target.Of(dx, x),
                    Target.Of(g.Branch, dh), sums.Memory, g.Sums.Memory, x.Pitch, g.Gate.Pitch, g.O.Pitch, scale.Pitch, g.Seed.Pitch, dh.Pitch,
                    x.Columns, 1f / x.Columns, split, isModulated ? 1 : 0, g.Dy is null ? 0 : 1),
                samples * split.Parts, LayerNormTeams.BackwardTeams);
    }

    private static int RowParts(Tensor x) => (x.Columns + RowPart<FloatQuad>.Columns - 1) / RowPart<FloatQuad>.Columns;

    private static void CheckSum(Sink? to, Shape shape, string name)
    {
        if (to is { } sink)
        {
            Check.Shape(sink.Tensor, shape, name);
        }
    }

    private static void CheckBackward(Tensor x, Tensor statistics, Tensor dh, Sink? dx)
    {
        Check.NotEmpty(x);
        Check.Dense(statistics, new(x.Rows, 2));
        Check.Shape(dh, x.Shape);
        if (dx is { } sink)
        {
            Check.Shape(sink.Tensor, x.Shape, nameof(dx));
        }
    }
}
