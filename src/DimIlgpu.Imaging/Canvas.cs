using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>An RGB picture that tiles and text are laid on.</summary>
internal sealed class Canvas
{
    private const int Channels = 3;

    private readonly byte[] pixels;

    public Canvas(int width, int height, Rgb background)
    {
        this.Width = width;
        this.Height = height;
        this.pixels = new byte[checked(width * height * Channels)];
        for (int i = 0; i < this.pixels.Length; i += Channels)
        {
            this.pixels[i] = background.Red;
            this.pixels[i + 1] = background.Green;
            this.pixels[i + 2] = background.Blue;
        }
    }

    public int Width { get; }

    public int Height { get; }

    public RawImage ToImage() => new(this.Width, this.Height, Channels, this.pixels);

    /// <summary>Lays <paramref name="image"/> with each of its pixels a square of <paramref name="scale"/>.</summary>
    public void Place(RawImage image, int left, int top, int scale)
    {
        int green = image.Channels == 1 ? 0 : 1;
        int blue = image.Channels == 1 ? 0 : 2;
        for (int y = 0; y < image.Height; y++)
        {
            Span<byte> row = this.Row(left, top + (y * scale), image.Width * scale);
            for (int x = 0; x < image.Width * scale; x++)
            {
                int from = ((y * image.Width) + (x / scale)) * image.Channels;
                row[x * Channels] = image.Pixels[from];
                row[(x * Channels) + 1] = image.Pixels[from + green];
                row[(x * Channels) + 2] = image.Pixels[from + blue];
            }

            for (int copy = 1; copy < scale; copy++)
            {
                row.CopyTo(this.Row(left, top + (y * scale) + copy, image.Width * scale));
            }
        }
    }

    /// <summary>Writes <paramref name="text"/> in <paramref name="ink"/>.</summary>
    public void Place(TextMask text, int left, int top, Rgb ink)
    {
        for (int y = 0; y < text.Height; y++)
        {
            Span<byte> row = this.Row(left, top + y, text.Width);
            for (int x = 0; x < text.Width; x++)
            {
                int cover = text.Coverage[(y * text.Width) + x];
                Span<byte> pixel = row.Slice(x * Channels, Channels);
                pixel[0] = Mix(pixel[0], ink.Red, cover);
                pixel[1] = Mix(pixel[1], ink.Green, cover);
                pixel[2] = Mix(pixel[2], ink.Blue, cover);
            }
        }
    }

    private static byte Mix(byte below, byte above, int cover) =>
        (byte)(((below * (255 - cover)) + (above * cover) + 127) / 255);

    private Span<byte> Row(int left, int y, int width) =>
        this.pixels.AsSpan(((y * this.Width) + left) * Channels, width * Channels);
}
