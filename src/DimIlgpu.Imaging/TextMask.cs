using SkiaSharp;

namespace DimIlgpu.Imaging;

/// <summary>One line of text as how much of each pixel it covers.</summary>
/// <param name="Width">Pixels per row.</param>
/// <param name="Height">Number of rows: the line height of the font, whatever the text.</param>
/// <param name="Coverage">Width · Height bytes; 255 is fully covered.</param>
internal sealed record TextMask(int Width, int Height, byte[] Coverage)
{
    private const string Ellipsis = "…";

    /// <summary>The height of a line at <paramref name="size"/>, or 0 where no font is installed.</summary>
    public static int LineHeight(float size)
    {
        using SKFont? font = Open(size);
        return font is null ? 0 : (int)MathF.Ceiling(font.Metrics.Descent - font.Metrics.Ascent);
    }

    /// <summary>Sets <paramref name="text"/>; null where no font is installed or nothing is to be seen.</summary>
    /// <param name="text">The line.</param>
    /// <param name="size">The size of the font in pixels.</param>
    /// <param name="widest">Text that is wider is cut and ends in an ellipsis.</param>
    public static TextMask? Set(string text, float size, int widest)
    {
        using SKFont? font = Open(size);
        if (font is null || string.IsNullOrWhiteSpace(text) || widest < 1)
        {
            return null;
        }

        string shown = Shorten(text, font, widest);
        int width = Math.Max(1, (int)MathF.Ceiling(font.MeasureText(shown)));
        int height = LineHeight(size);
        SKImageInfo layout = new(width, height, SKColorType.Alpha8, SKAlphaType.Premul);
        using SKSurface surface = SKSurface.Create(layout);
        using SKPaint ink = new() { IsAntialias = true, Color = SKColors.Black };
        surface.Canvas.Clear(SKColors.Transparent);
        surface.Canvas.DrawText(shown, 0, -font.Metrics.Ascent, SKTextAlign.Left, font, ink);
        using SKPixmap pixels = surface.PeekPixels();
        byte[] coverage = new byte[width * height];
        for (int y = 0; y < height; y++)
        {
            pixels.GetPixelSpan<byte>().Slice(y * pixels.RowBytes, width).CopyTo(coverage.AsSpan(y * width));
        }

        return new TextMask(width, height, coverage);
    }

    private static SKFont? Open(float size) => InstalledFont.Current is not InstalledFont installed
        ? null
        : new SKFont(installed.Regular, size)
        {
            Edging = SKFontEdging.Antialias,
            Hinting = SKFontHinting.Slight,
            Subpixel = true,
        };

    private static string Shorten(string text, SKFont font, int widest)
    {
        if (font.MeasureText(text) <= widest)
        {
            return text;
        }

        int kept = text.Length;
        while (kept > 0 && font.MeasureText(text[..kept].TrimEnd() + Ellipsis) > widest)
        {
            kept--;
        }

        return text[..kept].TrimEnd() + Ellipsis;
    }
}
