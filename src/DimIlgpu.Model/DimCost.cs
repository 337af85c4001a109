using DimIlgpu.Autograd;
using DimIlgpu.Kernels;

namespace DimIlgpu.Model;

/// <summary>What a network costs, by its shape alone.</summary>
/// <param name="Parameters">Number of scalars that are learned.</param>
/// <param name="MultiplyAdds">Multiply-adds of one sample's forward pass, without the scan.</param>
/// <param name="ScanStates">States B·L·E·N of one sample's forward pass, both directions, all blocks.</param>
/// <param name="Tokens">Tokens L of a sample, condition tokens included.</param>
public sealed record DimCost(long Parameters, long MultiplyAdds, long ScanStates, int Tokens)
{
    /// <summary>Counts a network's cost without making it.</summary>
    /// <exception cref="ArgumentException">The options do not fit each other.</exception>
    public static DimCost Of(DimOptions options)
    {
        _ = options.Validated();
        PatchLayout patches = options.Patches;
        bool asTokens = options.Conditioning == Conditioning.Token;
        long d = options.Width, e = options.Channels, n = options.States, r = options.DeltaRank, mlp = options.MlpWidth;
        long tokens = patches.Tokens + (asTokens ? 4 : 0), chunks = DimBlock.Chunks(options);
        long outputs = patches.PatchLength * (options.LearnsVariance ? 2L : 1L), final = asTokens ? 0 : 2;

        long mixer = (2 * e * d) + (2 * e * (options.ConvolutionWidth + 1)) + (2 * e * (r + (2 * n))) + (2 * e * (r + 1)) +
            (2 * e * n) + (2 * e) + (e * d);
        long block = mixer + (chunks * d * (d + 1)) + (mlp > 0 ? (2 * d * mlp) + mlp + d : 0);
        long parameters = (d * (patches.PatchLength + 1)) + (options.LearnedPositions ? patches.Tokens * d : 0) +
            (d * (TimestepFeatures.DefaultWidth + 1)) + (d * (d + 1)) + ((options.Classes + 1) * d) +
            (options.Depth * block) + (final * d * (d + 1)) + (outputs * (d + 1));

        long perBlock = (tokens * (BidirectionalMixer.MultiplyAdds(options) + (2 * d * mlp))) + (chunks * d * d);
        long multiplyAdds = (patches.Tokens * d * patches.PatchLength) + (d * (TimestepFeatures.DefaultWidth + d)) +
            (options.Depth * perBlock) + (final * d * d) + (patches.Tokens * d * outputs);
        return new(parameters, multiplyAdds, 2 * tokens * e * n * options.Depth, checked((int)tokens));
    }

    /// <summary>An estimate of the bytes of device memory that training takes.</summary>
    /// <param name="options">The network.</param>
    /// <param name="batch">Samples of a step.</param>
    /// <param name="checkpointBlocks">Whether blocks are computed again in the backward pass.</param>
    public static long TrainingBytes(DimOptions options, int batch, bool checkpointBlocks = false)
    {
        DimCost cost = Of(options);
        long rows = (long)batch * cost.Tokens, block = BlockValues(options, rows);
        long kept = checkpointBlocks ? (options.Depth * rows * options.Width) + (2 * block) : (options.Depth + 1) * block;
        return sizeof(float) * ((5 * cost.Parameters) + kept);
    }

    /// <summary>An estimate of the bytes of device memory that guided sampling takes: the weights and one block.</summary>
    /// <remarks>A CPU holds the weights once more, packed for its products; that is not counted.</remarks>
    /// <param name="options">The network.</param>
    /// <param name="batch">Samples drawn at once; guidance evaluates the network on twice as many.</param>
    public static long SamplingBytes(DimOptions options, int batch)
    {
        DimCost cost = Of(options);
        return sizeof(float) * (cost.Parameters + BlockValues(options, 2L * batch * cost.Tokens));
    }

    /// <summary>
    /// Activations of a block: LayerNorm (2 and its statistics), xz, u and Δ and y of both directions, x_proj's, the
    /// scan's kept states (one in 16 or 32 tokens), the gated sum, both residuals.
    /// </summary>
    private static long BlockValues(DimOptions options, long rows)
    {
        long e = options.Channels, d = options.Width, r = options.DeltaRank + (2L * options.States);
        return rows * ((3 * d) + (2 * e) + (6 * e) + (2 * r) + (2 * e * options.States / 16) + e + (2L * options.MlpWidth));
    }
}
