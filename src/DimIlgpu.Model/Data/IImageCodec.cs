namespace DimIlgpu.Model.Data;

/// <summary>An uncompressed image: rows from the top, pixels from the left, channels interleaved.</summary>
/// <param name="Width">Pixels per row.</param>
/// <param name="Height">Number of rows.</param>
/// <param name="Channels">1 (grey) or 3 (RGB).</param>
/// <param name="Pixels">Width · Height · Channels bytes.</param>
public sealed record RawImage(int Width, int Height, int Channels, byte[] Pixels);

/// <summary>Turns image files into pixels; the seam behind which every codec stays.</summary>
public interface IImageCodec
{
    /// <summary>Whether <paramref name="fileName"/> has the ending of a format that can be decoded.</summary>
    bool CanDecode(string fileName);

    /// <summary>Decodes an image to RGB.</summary>
    /// <param name="file">The bytes of the file.</param>
    /// <param name="fileName">Its name, for messages.</param>
    /// <exception cref="InvalidDataException">The bytes are not an image; the message names the file and the fault.</exception>
    RawImage Decode(ReadOnlySpan<byte> file, string fileName);
}
