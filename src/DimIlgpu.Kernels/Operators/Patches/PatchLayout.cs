namespace DimIlgpu.Kernels;

/// <summary>How images or clips are cut into patches.</summary>
/// <param name="Frames">F; 1 for an image.</param>
/// <param name="Height">H, a multiple of <paramref name="Patch"/>.</param>
/// <param name="Width">W, a multiple of <paramref name="Patch"/>.</param>
/// <param name="Channels">C.</param>
/// <param name="TemporalPatch">p_t, frames per patch; divides <paramref name="Frames"/>.</param>
/// <param name="Patch">p, rows and columns per patch.</param>
/// <exception cref="ArgumentOutOfRangeException">A size is not positive.</exception>
/// <exception cref="ArgumentException">A patch does not divide its side; the message names both.</exception>
public readonly record struct PatchLayout(int Frames, int Height, int Width, int Channels, int TemporalPatch, int Patch)
{
    /// <summary>F; 1 for an image.</summary>
    public int Frames { get; } = Divided(Frames, "frame count", TemporalPatch, "temporal patch", nameof(Frames));

    /// <summary>H.</summary>
    public int Height { get; } = Divided(Height, "height", Patch, "patch", nameof(Height));

    /// <summary>W.</summary>
    public int Width { get; } = Divided(Width, "width", Patch, "patch", nameof(Width));

    /// <summary>C.</summary>
    public int Channels { get; } = Positive(Channels, nameof(Channels));

    /// <summary>p_t, frames per patch.</summary>
    public int TemporalPatch { get; } = TemporalPatch;

    /// <summary>p, rows and columns per patch.</summary>
    public int Patch { get; } = Patch;

    /// <summary>L = (F/p_t)(H/p)(W/p), tokens per sample.</summary>
    public int Tokens => checked(this.Frames / this.TemporalPatch * (this.Height / this.Patch) * (this.Width / this.Patch));

    /// <summary>p_t·p·p·C, values per token.</summary>
    public int PatchLength => checked(this.TemporalPatch * this.Patch * this.Patch * this.Channels);

    /// <summary>F·H·W·C, values per sample.</summary>
    public int SampleLength => checked(this.Frames * this.Height * this.Width * this.Channels);

    private static int Positive(int value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, name);
        return value;
    }

    private static int Divided(int value, string what, int patch, string patchName, string name) =>
        Positive(value, name) % Positive(patch, patchName) == 0
            ? value
            : throw new ArgumentException($"{what} {value} is not divisible by the {patchName} {patch}", name);
}
