using DimIlgpu.Model.Diffusion;

namespace DimIlgpu.Model;

/// <summary>How samples are drawn from a trained network.</summary>
public sealed record SamplingOptions
{
    /// <summary>The sampler; by default the best one for the network's objective.</summary>
    public SamplerKind Sampler { get; init; } = SamplerKind.Auto;

    /// <summary>Steps of the sampler; 0 for its own number.</summary>
    public int Steps
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>η of DDIM, 0 to 1.</summary>
    public double Eta
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 1);
            field = value;
        }
    }

    /// <summary>Classifier-free guidance: prediction = none + scale · (class − none). 1 for none.</summary>
    public Guidance Guidance { get; init; } = new() { Scale = 3 };

    /// <summary>Tells draws apart; equal seeds give equal samples on one device.</summary>
    public ulong Seed { get; init; }

    /// <summary>Samples drawn at once.</summary>
    public int BatchSize
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            field = value;
        }
    } = 64;

    /// <summary>Steps from one view of the unfinished samples to the next; 0 for none.</summary>
    public int ShowEvery
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }
}
