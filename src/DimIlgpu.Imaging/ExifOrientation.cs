using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>Turns the pixels of a photograph the way its EXIF orientation says the camera was held.</summary>
internal static class ExifOrientation
{
    /// <summary>Applies an orientation of 1 (as stored) to 8.</summary>
    public static RawImage Apply(RawImage stored, int orientation)
    {
        if (orientation is < 2 or > 8)
        {
            return stored;
        }

        bool swapsSides = orientation >= 5;
        int width = swapsSides ? stored.Height : stored.Width;
        int height = swapsSides ? stored.Width : stored.Height;
        int lastX = stored.Width - 1;
        int lastY = stored.Height - 1;
        byte[] pixels = new byte[stored.Pixels.Length];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                (int fromX, int fromY) = orientation switch
                {
                    2 => (lastX - x, y),
                    3 => (lastX - x, lastY - y),
                    4 => (x, lastY - y),
                    5 => (y, x),
                    6 => (y, lastY - x),
                    7 => (lastX - y, lastY - x),
                    _ => (lastX - y, x),
                };
                int from = ((fromY * stored.Width) + fromX) * stored.Channels;
                int to = ((y * width) + x) * stored.Channels;
                stored.Pixels.AsSpan(from, stored.Channels).CopyTo(pixels.AsSpan(to));
            }
        }

        return new RawImage(width, height, stored.Channels, pixels);
    }
}
