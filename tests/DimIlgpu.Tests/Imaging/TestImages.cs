using DimIlgpu.Imaging;
using DimIlgpu.Model.Data;
using SkiaSharp;

namespace DimIlgpu.Tests;

/// <summary>Images and image files that tests are made of.</summary>
internal static class TestImages
{
    public static RawImage Noise(int width, int height, int channels, int seed = 1)
    {
        byte[] pixels = new byte[width * height * channels];
        new Random(seed).NextBytes(pixels);
        return new RawImage(width, height, channels, pixels);
    }

    public static RawImage Flat(int width, int height, byte red, byte green, byte blue)
    {
        byte[] pixels = new byte[width * height * 3];
        for (int i = 0; i < pixels.Length; i += 3)
        {
            (pixels[i], pixels[i + 1], pixels[i + 2]) = (red, green, blue);
        }

        return new RawImage(width, height, 3, pixels);
    }

    public static byte[] Png(RawImage image)
    {
        using MemoryStream stream = new();
        SkiaImageCodec.EncodePng(image, stream);
        return stream.ToArray();
    }

    /// <summary>Encodes RGBA values that are not premultiplied.</summary>
    public static byte[] Encode(int width, int height, byte[] rgba, SKEncodedImageFormat format)
    {
        SKImageInfo layout = new(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        using SKImage image = SKImage.FromPixelCopy(layout, rgba);
        using SKData data = image.Encode(format, 95);
        return data.ToArray();
    }

    /// <summary>A smooth gradient, red along x and green along y, which JPEG keeps well.</summary>
    public static byte[] GradientRgba(int width, int height)
    {
        byte[] rgba = new byte[width * height * 4];
        for (int i = 0; i < width * height; i++)
        {
            rgba[4 * i] = (byte)(255 * (i % width) / (width - 1));
            rgba[(4 * i) + 1] = (byte)(255 * (i / width) / (height - 1));
            rgba[(4 * i) + 2] = 128;
            rgba[(4 * i) + 3] = 255;
        }

        return rgba;
    }

    public static (byte Red, byte Green, byte Blue) Pixel(RawImage image, int x, int y)
    {
        int at = ((y * image.Width) + x) * image.Channels;
        return (image.Pixels[at], image.Pixels[at + 1], image.Pixels[at + 2]);
    }
}
