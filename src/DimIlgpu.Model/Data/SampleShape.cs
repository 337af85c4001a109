namespace DimIlgpu.Model.Data;

/// <summary>The shape of one image or clip, stored channel last: (frames, height, width, channels).</summary>
/// <param name="Frames">F; 1 for an image.</param>
/// <param name="Height">H, in pixels or latent cells.</param>
/// <param name="Width">W, in pixels or latent cells.</param>
/// <param name="Channels">C; 1 grey, 3 RGB, 4 for common latents.</param>
public readonly record struct SampleShape(int Frames, int Height, int Width, int Channels)
{
    /// <summary>Number of values in one sample.</summary>
    public int Length => checked(this.Frames * this.Height * this.Width * this.Channels);

    /// <summary>Whether a sample has more than one frame.</summary>
    public bool IsVideo => this.Frames > 1;

    /// <inheritdoc/>
    public override string ToString() => this.IsVideo
        ? $"{this.Frames} frames of {this.Width}×{this.Height}×{this.Channels}"
        : $"{this.Width}×{this.Height}×{this.Channels}";
}
