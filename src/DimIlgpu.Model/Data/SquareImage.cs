namespace DimIlgpu.Model.Data;

/// <summary>Brings images to a square of a given side.</summary>
internal static class SquareImage
{
    /// <summary>Pads one channel-last frame centred with 0 (black, −1), or averages boxes where the side divides both sizes evenly.</summary>
    /// <param name="source">height · width · channels bytes.</param>
    /// <param name="height">Its rows.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="channels">Its channels.</param>
    /// <param name="side">The side wanted; <see cref="CanFit"/> holds.</param>
    /// <param name="target">side · side · channels bytes.</param>
    public static void Fit(ReadOnlySpan<byte> source, int height, int width, int channels, int side, Span<byte> target)
    {
        if (height <= side && width <= side)
        {
            target.Clear();
            int top = (side - height) / 2;
            int left = (side - width) / 2;
            for (int y = 0; y < height; y++)
            {
                source.Slice(y * width * channels, width * channels).CopyTo(target[((((top + y) * side) + left) * channels)..]);
            }

            return;
        }

        int factor = height / side;
        int half = factor * factor / 2;
        for (int y = 0; y < side; y++)
        {
            for (int x = 0; x < side; x++)
            {
                for (int c = 0; c < channels; c++)
                {
                    int sum = half;
                    for (int box = 0; box < factor * factor; box++)
                    {
                        int row = (y * factor) + (box / factor);
                        int column = (x * factor) + (box % factor);
                        sum += source[(((row * width) + column) * channels) + c];
                    }

                    target[(((y * side) + x) * channels) + c] = (byte)(sum / (factor * factor));
                }
            }
        }
    }

    /// <summary>Whether <see cref="Fit"/> can bring this size to <paramref name="side"/>.</summary>
    public static bool CanFit(int height, int width, int side) =>
        (height <= side && width <= side) || (height == width && height % side == 0);

    /// <summary>Cuts the middle square out of <paramref name="image"/> and resizes it to RGB of side × side.</summary>
    /// <remarks>Smaller by the mean over each target pixel's area, so that nothing aliases; larger by linear interpolation.</remarks>
    public static void CropAndResize(RawImage image, int side, Span<byte> target)
    {
        int square = Math.Min(image.Width, image.Height);
        int left = (image.Width - square) / 2;
        int top = (image.Height - square) / 2;
        int channels = image.Channels;
        (int Start, float[] Weights)[] taps = Taps(square, side);
        float[] columns = new float[square * side * 3];
        for (int y = 0; y < square; y++)
        {
            int row = (((top + y) * image.Width) + left) * channels;
            for (int x = 0; x < side; x++)
            {
                (int start, float[] weights) = taps[x];
                for (int c = 0; c < 3; c++)
                {
                    float sum = 0;
                    for (int t = 0; t < weights.Length; t++)
                    {
                        sum += weights[t] * image.Pixels[row + ((start + t) * channels) + (channels == 3 ? c : 0)];
                    }

                    columns[(((y * side) + x) * 3) + c] = sum;
                }
            }
        }

        for (int y = 0; y < side; y++)
        {
            (int start, float[] weights) = taps[y];
            for (int i = 0; i < side * 3; i++)
            {
                float sum = 0.5f;
                for (int t = 0; t < weights.Length; t++)
                {
                    sum += weights[t] * columns[((start + t) * side * 3) + i];
                }

                target[(y * side * 3) + i] = (byte)Math.Clamp(sum, 0, 255);
            }
        }
    }

    /// <summary>For each target pixel the first source pixel and the weights, which sum to 1.</summary>
    private static (int Start, float[] Weights)[] Taps(int from, int to)
    {
        (int, float[])[] taps = new (int, float[])[to];
        double scale = (double)from / to;
        for (int i = 0; i < to; i++)
        {
            if (scale >= 1)
            {
                double begin = i * scale;
                double end = Math.Min((i + 1) * scale, from);
                int first = (int)begin;
                int last = Math.Max(first + 1, (int)Math.Ceiling(end - 1e-9));
                float[] weights = new float[Math.Min(last, from) - first];
                for (int t = 0; t < weights.Length; t++)
                {
                    weights[t] = (float)((Math.Min(end, first + t + 1) - Math.Max(begin, first + t)) / (end - begin));
                }

                taps[i] = (first, weights);
            }
            else
            {
                double place = Math.Clamp(((i + 0.5) * scale) - 0.5, 0, from - 1);
                int first = Math.Min((int)place, Math.Max(0, from - 2));
                float part = (float)(place - first);
                taps[i] = (first, from == 1 ? [1f] : [1 - part, part]);
            }
        }

        return taps;
    }
}
