namespace DimIlgpu.Kernels;

/// <summary>The mixer's causal depthwise convolution and SiLU, in both directions at once.</summary>
/// <remarks>
/// <para>forward: a₀[t,e] = bias[0,e] + Σ_k weight[k,e] · x[t−(K−1)+k, e], tokens before the first being zero;</para>
/// <para>backward: a₁[t,e] = bias[1,e] + Σ_k weight[K+k,e] · x[t+(K−1)−k, e], tokens after the last being zero;</para>
/// <para>u_o = SiLU(a_o), k = 0 … K−1, K = 2, 3 or 4. Both are in token order: nothing is flipped.</para>
/// <para>
/// da_o = du_o · SiLU′(a_o), a_o being computed again; dx[t] = Σ_k weight[k] · da₀[t+(K−1)−k] + weight[K+k] · da₁[t−(K−1)+k];
/// dweight[k] = Σ_t da₀[t] · x[t−(K−1)+k]; dweight[K+k] = Σ_t da₁[t] · x[t+(K−1)−k]; dbias[o] = Σ_t da_o[t].
/// </para>
/// <para>
/// Reversing the tokens, applying the forward direction and reversing again gives the backward direction's bits,
/// given its weights. Source: Mamba, Gu and Dao 2023, arXiv:2312.00752; two directions as in Vim, Zhu et al. 2024,
/// arXiv:2401.09417.
/// </para>
/// </remarks>
public static class CausalConvolution
{
    /// <summary>Tokens of a strip whose sums are kept: each strip writes a partial sum of every tap.</summary>
    internal const int BackwardChunk = 32;

    /// <summary>Convolves every sample in both directions.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Input, (samples · length, channels).</param>
    /// <param name="weight">Taps of the forward, then of the backward direction, farthest token first, (2 · K, channels).</param>
    /// <param name="bias">Bias of each direction, (2, channels).</param>
    /// <param name="u">Output: the forward, then the backward direction, (2 · samples · length, channels).</param>
    /// <param name="length">Tokens of a sample.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the width is not 2, 3 or 4.</exception>
    public static void Forward(Device device, Tensor x, Tensor weight, Tensor bias, Tensor u, int length) =>
        Forward(device, x, weight, bias, u, length, chunk: null);

    /// <summary>The same, with tokens of a GPU's strip that the shape would not choose.</summary>
    internal static void Forward(Device device, Tensor x, Tensor weight, Tensor bias, Tensor u, int length, int? chunk)
    {
        CheckInputs(x, weight, bias, length);
        Check.Shape(u, new(2 * x.Rows, x.Columns));
        if (IsPaired(device, x, weight, bias) && Stored.Fits(u, x.ElementType, 2))
        {
            CausalGroups groups = CausalGroups.Forward(device, x, weight, bias, length, chunk);
            if (x.ElementType == ElementType.BFloat16)
            {
                groups.Launch(new CausalConvolutionForwardGroups<NarrowPair>(groups.Layout, u.Memory, u.Pitch));
            }
            else
            {
                groups.Launch(new CausalConvolutionForwardGroups<FloatPair>(groups.Layout, u.Memory, u.Pitch));
            }

            return;
        }

        if (device.Kind == DeviceKind.Cpu)
        {
            using ArenaScope scope = device.Scratch.Scope();
            CausalConvolutionForwardTiles tiles = new(Rows(device, x, weight, bias, length), u.Memory, u.Pitch);
            device.Tiles(tiles, x.Rows / length * tiles.Tiles, device.Lane(x.Columns));
            return;
        }

        const int tokens = 16;
        int chunks = (length + tokens - 1) / tokens;
        device.Strips(
            new CausalConvolutionForward(
                x.Memory, weight.Memory, bias.Memory, u.Memory, x.Pitch, u.Pitch, x.Columns,
                (int)weight.Rows / 2, length, tokens, chunks, x.Rows),
            x.Rows / length * chunks, x.Columns);
    }

    /// <summary>The gradients.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">The input, (samples · length, channels).</param>
    /// <param name="weight">The taps, (2 · K, channels).</param>
    /// <param name="bias">The biases, (2, channels).</param>
    /// <param name="du">Gradient of the output, (2 · samples · length, channels).</param>
    /// <param name="dx">Gradient of x; null where not wanted.</param>
    /// <param name="dweight">Gradient of the taps, dense, (2 · K, channels); null where not wanted.</param>
    /// <param name="dbias">Gradient of the biases, dense, (2, channels); null where not wanted.</param>
    /// <param name="length">Tokens of a sample.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the width is not 2, 3 or 4.</exception>
    public static void Backward(
        Device device, Tensor x, Tensor weight, Tensor bias, Tensor du, Sink? dx, Sink? dweight, Sink? dbias, int length) =>
        Backward(device, x, weight, bias, du, dx, dweight, dbias, length, chunk: null);

    /// <summary>The same, with tokens of a GPU's strip that the shape would not choose.</summary>
    internal static void Backward(
        Device device, Tensor x, Tensor weight, Tensor bias, Tensor du, Sink? dx, Sink? dweight, Sink? dbias, int length, int? chunk)
    {
        CheckInputs(x, weight, bias, length);
        Check.Shape(du, new(2 * x.Rows, x.Columns));
        if (dx is { } sink)
        {
            Check.Shape(sink.Tensor, x.Shape, nameof(dx));
        }

        int taps = (int)weight.Rows * x.Columns, sums = taps + (2 * x.Columns);
        CheckSum(dweight, weight.Shape, nameof(dweight));
        CheckSum(dbias, bias.Shape, nameof(dbias));
        using ArenaScope scope = device.Scratch.Scope();
        if (IsPaired(device, x, weight, bias) && Stored.Fits(du, x.ElementType, 2) && Stored.IsBySixteenBytes(x) && Stored.IsBySixteenBytes(du)
            && (dx is not { } wanted || Stored.Fits(wanted.Tensor, x.ElementType, 2)))
        {
            if (x.ElementType == ElementType.BFloat16)
            {
                Groups<NarrowPair>();
            }
            else
            {
                Groups<FloatPair>();
            }

            return;
        }

        int tokens = device.Kind == DeviceKind.Cpu ? CausalConvolutionBackwardTiles.Chunk(length, x.Rows) : BackwardChunk;
        int chunks = (length + tokens - 1) / tokens;
        Tensor partial = device.Scratch.Rent(new(x.Rows / length * chunks, sums));
        if (device.Kind == DeviceKind.Cpu)
        {
            CausalConvolutionBackwardTiles tiles = new(
                Rows(device, x, weight, bias, length), du.Memory, du.Pitch, Target.Of(dx, x), partial.Memory, tokens,
                device.ThreadScratch(CausalConvolutionBackwardTiles.ScratchLength));
            device.Tiles(tiles, partial.Rows * tiles.Blocks, device.Lane(x.Columns));
        }
        else
        {
            device.Strips(
                new CausalConvolutionBackward(
                    x.Memory, weight.Memory, bias.Memory, du.Memory, Target.Of(dx, x), partial.Memory, x.Pitch, du.Pitch,
                    x.Columns, (int)weight.Rows / 2, length, BackwardChunk, chunks, x.Rows),
                partial.Rows, x.Columns);
        }

        Sum(device, partial.Slice(0, taps), Flat(dweight));
        Sum(device, partial.Slice(taps, sums - taps), Flat(dbias));

        void Groups<TStored>()
            where TStored : unmanaged, IStored<TStored, FloatPair>
        {
            CausalGroups groups = CausalGroups.Backward(device, x, weight, bias, length, chunk);
            Tensor parts = device.Scratch.Rent(new(groups.StripGroups, sums));
            groups.Launch(new CausalConvolutionBackwardGroups<TStored>(groups.Layout, du.Memory, du.Pitch, Target.Of(dx, x), parts.Memory));
            ColumnSum.Fold(device, parts, (int)parts.Rows, Flat(dweight), Flat(dbias), taps);
        }
    }

    // GPUs: two channels a thread, whose rows in memory start at multiples of two.
    private static bool IsPaired(Device device, Tensor x, Tensor weight, Tensor bias) =>
        device.Kind != DeviceKind.Cpu && Stored.IsAligned(x, 2) && Stored.Fits(weight, ElementType.Float32, 2)
        && Stored.Fits(bias, ElementType.Float32, 2);

    private static CausalRows Rows(Device device, Tensor x, Tensor weight, Tensor bias, int length) => new(
        x.Memory, weight.Memory, bias.Memory, device.Scratch.Rent(new(1, x.Columns), clear: true).Memory, x.Pitch, x.Columns,
        (int)weight.Rows / 2, length, x.Rows);

    private static void Sum(Device device, Tensor partial, Sink? to)
    {
        if (to is { } sink)
        {
            ColumnSum.Forward(device, partial, sink);
        }
    }

    private static Sink? Flat(Sink? to) =>
        to is { } sink ? sink with { Tensor = sink.Tensor.Reshape(new(1, (int)sink.Tensor.Shape.Length)) } : null;

    private static void CheckSum(Sink? to, Shape shape, string name)
    {
        if (to is { } sink)
        {
            Check.Dense(sink.Tensor, shape, name);
        }
    }

    private static void CheckInputs(Tensor x, Tensor weight, Tensor bias, int length)
    {
        Check.NotEmpty(x, nameof(x));
        Check.Divides(length, x.Rows, nameof(x));
        if (weight.Rows is not (4 or 6 or 8))
        {
            throw new ArgumentException(
                $"'{nameof(weight)}' has {weight.Rows} rows; expected 4, 6 or 8: a width of 2, 3 or 4 in two directions.",
                nameof(weight));
        }

        Check.Dense(weight, new(weight.Rows, x.Columns), nameof(weight));
        Check.Dense(bias, new(2, x.Columns), nameof(bias));
    }
}
