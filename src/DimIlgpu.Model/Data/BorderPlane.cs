namespace DimIlgpu.Model.Data;

/// <summary>Estimates a background from the border of an image, as a plane a + b·x + c·y per channel.</summary>
internal static class BorderPlane
{
    /// <summary>excess = (image − plane) / 2: in units of the [0, 1] colour cube.</summary>
    public static void Subtract(ReadOnlySpan<float> image, int size, Span<float> excess)
    {
        Span<bool> use = stackalloc bool[size * size];
        for (int i = 0; i < use.Length; i++)
        {
            int x = i % size;
            int y = i / size;
            use[i] = x == 0 || y == 0 || x == size - 1 || y == size - 1;
        }

        // Twice: the second time without the border pixels that a form reaches.
        Fit(image, size, use, excess);
        float squares = 0;
        int count = 0;
        for (int i = 0; i < use.Length; i++)
        {
            squares += use[i] ? Square(excess, i) : 0;
            count += use[i] ? 1 : 0;
        }

        float limit = (2 * squares / count) + 1e-3f;
        for (int i = 0; i < use.Length; i++)
        {
            use[i] &= Square(excess, i) <= limit;
        }

        Fit(image, size, use, excess);
    }

    private static float Square(ReadOnlySpan<float> excess, int pixel)
    {
        ReadOnlySpan<float> at = excess.Slice(3 * pixel, 3);
        return (at[0] * at[0]) + (at[1] * at[1]) + (at[2] * at[2]);
    }

    private static void Fit(ReadOnlySpan<float> image, int size, ReadOnlySpan<bool> use, Span<float> excess)
    {
        for (int channel = 0; channel < 3; channel++)
        {
            (double level, double slopeX, double slopeY) = Solve(image, size, use, channel);
            for (int i = 0; i < use.Length; i++)
            {
                double plane = level + (slopeX * (i % size)) + (slopeY * (i / size));
                excess[(3 * i) + channel] = (float)((image[(3 * i) + channel] - plane) / 2);
            }
        }
    }

    private static (double Level, double SlopeX, double SlopeY) Solve(ReadOnlySpan<float> image, int size, ReadOnlySpan<bool> use, int channel)
    {
        double n = 0, x1 = 0, y1 = 0, v1 = 0, xx = 0, xy = 0, yy = 0, xv = 0, yv = 0;
        for (int i = 0; i < use.Length; i++)
        {
            if (use[i])
            {
                double x = i % size;
                double y = i / size;
                double v = image[(3 * i) + channel];
                n++;
                x1 += x;
                y1 += y;
                v1 += v;
                xx += x * x;
                xy += x * y;
                yy += y * y;
                xv += x * v;
                yv += y * v;
            }
        }

        if (n == 0)
        {
            return default;
        }

        // Centred normal equations of two unknowns; the level follows from the means.
        (xx, xy, yy) = (xx - (x1 * x1 / n), xy - (x1 * y1 / n), yy - (y1 * y1 / n));
        (xv, yv) = (xv - (x1 * v1 / n), yv - (y1 * v1 / n));
        double determinant = (xx * yy) - (xy * xy);
        double slopeX = determinant > 1e-6 ? ((xv * yy) - (yv * xy)) / determinant : 0;
        double slopeY = determinant > 1e-6 ? ((yv * xx) - (xv * xy)) / determinant : 0;
        return ((v1 - (slopeX * x1) - (slopeY * y1)) / n, slopeX, slopeY);
    }
}
