namespace DimIlgpu.Model.Diffusion;

/// <summary>Which channels are guided.</summary>
public enum GuidedChannels
{
    /// <summary>All of them.</summary>
    All,

    /// <summary>The first three; the others keep the conditional prediction, as in the published DiT samples.</summary>
    FirstThree,
}

/// <summary>Classifier-free guidance: unconditional + Scale · (conditional − unconditional).</summary>
/// <remarks>Ho and Salimans 2021; the interval is that of Kynkäänniemi et al. 2024.</remarks>
public sealed record Guidance
{
    /// <summary>1 for none: the conditional prediction as it is.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or not a number.</exception>
    public double Scale
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfEqual(double.IsFinite(value), false, nameof(value));
            field = value;
        }
    } = 1;

    /// <summary>The least noise, as σ = Noise / Signal, at which to guide.</summary>
    public double From { get; init; }

    /// <summary>The most noise, as σ = Noise / Signal, at which to guide.</summary>
    public double To { get; init; } = double.PositiveInfinity;

    /// <summary>Which channels are guided.</summary>
    public GuidedChannels Channels { get; init; } = GuidedChannels.All;

    /// <summary>Whether anything is to be done at a noise level.</summary>
    public bool AppliesAt(NoiseLevel level) => this.Scale != 1 && level.Sigma >= this.From && level.Sigma <= this.To;
}
