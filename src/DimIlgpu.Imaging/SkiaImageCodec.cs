using DimIlgpu.Model.Data;
using SkiaSharp;

namespace DimIlgpu.Imaging;

/// <summary>Reads and writes image files with SkiaSharp. No other file knows which codec that is.</summary>
/// <remarks>Safe to use from several threads at once.</remarks>
public sealed class SkiaImageCodec : IImageCodec
{
    /// <summary>The longest side that is decoded, in pixels.</summary>
    public const int MaximumSide = 16_384;

    /// <summary>The largest image that is decoded, in pixels.</summary>
    public const long MaximumPixels = 256_000_000;

    /// <summary>The longest side of a WebP, in pixels; the format allows no more.</summary>
    public const int MaximumWebPSide = 16_383;

    private const int RgbaChannels = 4;

    private static readonly string[] Endings = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"];

    /// <inheritdoc/>
    public bool CanDecode(string fileName)
    {
        ArgumentNullException.ThrowIfNull(fileName);
        return Endings.Contains(Path.GetExtension(fileName), StringComparer.OrdinalIgnoreCase);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Transparency is laid over white, an EXIF orientation is applied, colours are converted to sRGB,
    /// and of an animation the first frame is taken.
    /// </remarks>
    public RawImage Decode(ReadOnlySpan<byte> file, string fileName)
    {
        ArgumentNullException.ThrowIfNull(fileName);
        using SKData data = SKData.CreateCopy(file);
        using SKCodec? codec = file.IsEmpty ? null : SKCodec.Create(data);
        if (codec is null || !IsServed(codec.EncodedFormat))
        {
            throw new InvalidDataException(
                $"{fileName} is not an image that can be read: it does not begin with the header of a PNG, JPEG, WebP, GIF or BMP.");
        }

        // Before pixels are allocated: a few bytes of header can ask for gigabytes.
        RequireReasonableSize(codec.Info.Width, codec.Info.Height, fileName);

        using SKColorSpace colours = SKColorSpace.CreateSrgb();
        SKImageInfo layout = new(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul, colours);
        byte[] rgba = new byte[layout.BytesSize64];
        SKCodecResult result = codec.GetPixels(layout, rgba);
        if (result != SKCodecResult.Success)
        {
            throw new InvalidDataException($"{fileName} {Describe(result)}.");
        }

        RawImage upright = new(layout.Width, layout.Height, 3, OverWhite(rgba));
        return ExifOrientation.Apply(upright, (int)codec.EncodedOrigin);
    }

    /// <summary>Writes <paramref name="image"/> as a PNG, without loss.</summary>
    /// <param name="image">Grey or RGB.</param>
    /// <param name="output">Receives the file.</param>
    public static void EncodePng(RawImage image, Stream output)
    {
        RawImageCheck.Require(image);
        ArgumentNullException.ThrowIfNull(output);
        using SKImage pixels = ToSkia(image, keepGrey: true);
        using SKPixmap view = pixels.PeekPixels();
        using SKData? file = view.Encode(SKPngEncoderOptions.Default);
        Save(file, output, $"a PNG of {image.Width}×{image.Height}");
    }

    /// <summary>Writes <paramref name="frames"/> as a WebP that plays for ever, without loss.</summary>
    /// <remarks>Neighbouring frames that are equal to the pixel become one frame that is shown for longer.</remarks>
    /// <param name="frames">Images of one size.</param>
    /// <param name="framesPerSecond">1 to 1000.</param>
    /// <param name="output">Receives the file.</param>
    public static void EncodeAnimatedWebP(IReadOnlyList<RawImage> frames, int framesPerSecond, Stream output)
    {
        RawImageCheck.RequireOneSize(frames);
        ArgumentOutOfRangeException.ThrowIfLessThan(framesPerSecond, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(framesPerSecond, 1000);
        ArgumentNullException.ThrowIfNull(output);
        (int width, int height) = (frames[0].Width, frames[0].Height);
        if (Math.Max(width, height) > MaximumWebPSide)
        {
            throw new ArgumentException(
                $"Frames are {width}×{height}; a WebP has at most {MaximumWebPSide} pixels a side.", nameof(frames));
        }

        SKImage[] pixels = new SKImage[frames.Count];
        try
        {
            SKWebpEncoderFrame[] timed = new SKWebpEncoderFrame[frames.Count];
            for (int i = 0; i < timed.Length; i++)
            {
                pixels[i] = ToSkia(frames[i], keepGrey: false);

                // Durations are whole milliseconds; differences of rounded times keep the clip in step.
                long start = Milliseconds(i, framesPerSecond);
                long end = Milliseconds(i + 1, framesPerSecond);
                timed[i] = new SKWebpEncoderFrame(pixels[i], TimeSpan.FromMilliseconds(end - start));
            }

            SKWebpEncoderOptions options = new(SKWebpEncoderCompression.Lossless, 75);
            using SKData? file = SKWebpEncoder.EncodeAnimated(timed, options);
            Save(file, output, $"a WebP of {frames.Count} frames of {width}×{height}");
        }
        finally
        {
            foreach (SKImage? image in pixels)
            {
                image?.Dispose();
            }
        }
    }

    private static bool IsServed(SKEncodedImageFormat format) => format
        is SKEncodedImageFormat.Png
        or SKEncodedImageFormat.Jpeg
        or SKEncodedImageFormat.Webp
        or SKEncodedImageFormat.Gif
        or SKEncodedImageFormat.Bmp;

    private static void RequireReasonableSize(int width, int height, string fileName)
    {
        if (width < 1 || height < 1)
        {
            throw new InvalidDataException($"{fileName} says that it is {width}×{height} pixels; an image has at least one.");
        }

        if (Math.Max(width, height) > MaximumSide || (long)width * height > MaximumPixels)
        {
            throw new InvalidDataException(
                $"{fileName} says that it is {width}×{height} pixels; at most {MaximumSide} a side and {MaximumPixels / 1_000_000} million in all are read.");
        }
    }

    private static string Describe(SKCodecResult result) => result switch
    {
        SKCodecResult.IncompleteInput => "ends before its last pixel: the file is truncated",
        SKCodecResult.ErrorInInput => "is damaged: its pixels cannot be decoded",
        _ => $"cannot be decoded ({result})",
    };

    private static byte[] OverWhite(byte[] rgba)
    {
        byte[] rgb = new byte[rgba.Length / RgbaChannels * 3];
        for (int from = 0, to = 0; from < rgba.Length; from += RgbaChannels, to += 3)
        {
            int alpha = rgba[from + 3];
            int white = (255 * (255 - alpha)) + 127;
            rgb[to] = (byte)(((rgba[from] * alpha) + white) / 255);
            rgb[to + 1] = (byte)(((rgba[from + 1] * alpha) + white) / 255);
            rgb[to + 2] = (byte)(((rgba[from + 2] * alpha) + white) / 255);
        }

        return rgb;
    }

    private static SKImage ToSkia(RawImage image, bool keepGrey)
    {
        bool grey = keepGrey && image.Channels == 1;
        SKColorType colours = grey ? SKColorType.Gray8 : SKColorType.Rgba8888;
        SKImageInfo layout = new(image.Width, image.Height, colours, SKAlphaType.Opaque);
        return SKImage.FromPixelCopy(layout, grey ? image.Pixels : ToRgba(image));
    }

    private static byte[] ToRgba(RawImage image)
    {
        byte[] rgba = new byte[checked(image.Width * image.Height * RgbaChannels)];
        int green = image.Channels == 1 ? 0 : 1;
        int blue = image.Channels == 1 ? 0 : 2;
        for (int from = 0, to = 0; to < rgba.Length; from += image.Channels, to += RgbaChannels)
        {
            rgba[to] = image.Pixels[from];
            rgba[to + 1] = image.Pixels[from + green];
            rgba[to + 2] = image.Pixels[from + blue];
            rgba[to + 3] = byte.MaxValue;
        }

        return rgba;
    }

    private static long Milliseconds(int frame, int framesPerSecond) =>
        (long)Math.Round(frame * 1000.0 / framesPerSecond);

    private static void Save(SKData? file, Stream output, string what)
    {
        if (file is null)
        {
            throw new IOException($"The codec could not make {what}.");
        }

        file.SaveTo(output);
    }
}
