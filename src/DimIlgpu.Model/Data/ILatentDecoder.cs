namespace DimIlgpu.Model.Data;

/// <summary>Turns latents back into pixels; the seam behind which an autoencoder stays.</summary>
public interface ILatentDecoder
{
    /// <summary>Decodes one sample.</summary>
    /// <param name="latents">Its values, channel last, as <see cref="LatentDataSet"/> reads them.</param>
    /// <param name="shape">Its shape.</param>
    /// <returns>One image a frame.</returns>
    /// <exception cref="ArgumentException">The decoder is for latents of another shape.</exception>
    IReadOnlyList<RawImage> Decode(ReadOnlySpan<float> latents, SampleShape shape);
}
