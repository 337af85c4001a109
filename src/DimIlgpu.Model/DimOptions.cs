using DimIlgpu.Kernels;
using DimIlgpu.Model.Data;

namespace DimIlgpu.Model;

/// <summary>How the class and the time reach the network.</summary>
public enum Conditioning
{
    /// <summary>adaLN-Zero: every block's shift, scale and gate are computed from them.</summary>
    AdaLayerNorm,

    /// <summary>As tokens at both ends of the sequence, so that each direction meets them first; plain LayerNorm.</summary>
    Token,
}

/// <summary>The shape of a DiM network.</summary>
/// <remarks>Source: Mo and Tian 2024, arXiv:2405.15881; sizes after DiT, Peebles and Xie 2022.</remarks>
public sealed record DimOptions
{
    /// <summary>The samples: frames, height, width, channels.</summary>
    public SampleShape Sample { get; init; } = new(1, 32, 32, 3);

    /// <summary>p, the side of a patch in pixels or latent cells.</summary>
    public int Patch { get; init => field = Positive(value, nameof(Patch)); } = 2;

    /// <summary>p_t, the frames of a patch; 1 for images.</summary>
    public int TemporalPatch { get; init => field = Positive(value, nameof(TemporalPatch)); } = 1;

    /// <summary>D, the width of a token; a multiple of 4.</summary>
    public int Width { get; init => field = Positive(value, nameof(Width)); } = 384;

    /// <summary>The number of blocks.</summary>
    public int Depth { get; init => field = Positive(value, nameof(Depth)); } = 12;

    /// <summary>N, the states of a channel: 4, 8, 12 or 16.</summary>
    public int States { get; init => field = Positive(value, nameof(States)); } = 16;

    /// <summary>Taps of the causal convolution: 2, 3 or 4.</summary>
    public int ConvolutionWidth { get; init => field = Positive(value, nameof(ConvolutionWidth)); } = 4;

    /// <summary>The number of classes; label <c>Classes</c> is the null class used for guidance.</summary>
    public int Classes { get; init => field = Positive(value, nameof(Classes)); } = 1000;

    /// <summary>How class and time reach the network.</summary>
    public Conditioning Conditioning { get; init; } = Conditioning.AdaLayerNorm;

    /// <summary>Width of DiT's MLP relative to D, added to every block; 0 for none.</summary>
    public double MlpRatio
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>Whether the network also predicts the variance (2C outputs).</summary>
    public bool LearnsVariance { get; init; } = true;

    /// <summary>Whether the sum of both directions is halved.</summary>
    public bool DivideOut { get; init; }

    /// <summary>Whether a learned position table is added to the fixed one.</summary>
    public bool LearnedPositions { get; init; }

    /// <summary>E = 2D, the channels of the mixer.</summary>
    public int Channels => 2 * this.Width;

    /// <summary>R = ⌈D / 16⌉, the rank of Δ's projection.</summary>
    public int DeltaRank => (this.Width + 15) / 16;

    /// <summary>The hidden width of the MLP; 0 for none.</summary>
    public int MlpWidth => (int)Math.Round(this.MlpRatio * this.Width);

    /// <summary>How samples become tokens.</summary>
    /// <exception cref="ArgumentException">A size is not divisible by its patch.</exception>
    public PatchLayout Patches => new(
        this.Sample.Frames, this.Sample.Height, this.Sample.Width, this.Sample.Channels, this.TemporalPatch, this.Patch);

    /// <summary>The tokens' grid.</summary>
    public TokenGrid Grid => new(
        this.Sample.Frames / this.TemporalPatch, this.Sample.Height / this.Patch, this.Sample.Width / this.Patch);

    /// <summary>Checks what no single property can.</summary>
    /// <exception cref="ArgumentException">The options do not fit each other.</exception>
    public DimOptions Validated()
    {
        _ = this.Patches;
        if (this.Width % 4 != 0)
        {
            throw new ArgumentException($"The width {this.Width} is not a multiple of 4.", nameof(this.Width));
        }

        if (this.States % 4 != 0 || this.States > SelectiveScan.MaxStates)
        {
            throw new ArgumentException(
                $"There are {this.States} states; expected a multiple of 4 up to {SelectiveScan.MaxStates}.", nameof(this.States));
        }

        if (this.ConvolutionWidth is < 2 or > 4)
        {
            throw new ArgumentException(
                $"The convolution has {this.ConvolutionWidth} taps; expected 2, 3 or 4.", nameof(this.ConvolutionWidth));
        }

        return this;
    }

    private static int Positive(int value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, name);
        return value;
    }
}
