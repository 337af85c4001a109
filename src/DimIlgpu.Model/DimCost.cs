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
}
