namespace DimIlgpu.Model.Data;

/// <summary>What a classifier saw.</summary>
/// <param name="Label">The class, or −1 where no shape was found.</param>
/// <param name="Score">Normalised correlation of the best template, at most 1; how much the image looks like its form.</param>
public readonly record struct ShapesVerdict(int Label, float Score);

/// <summary>Names the class of a <c>shapes</c> image from first principles; it has no learned weights.</summary>
/// <remarks>
/// The background is a plane fitted to the border; the form is what lies far from it in colour; its hue is the colour;
/// its coverage is compared with a drawn template of every form, near the place and size that centroid and area give.
/// </remarks>
public static class ShapesClassifier
{
    /// <summary>A template must correlate this well, or there is no shape.</summary>
    public const float LowestScore = 0.85f;

    // In units of the [0, 1] colour cube, whose diagonal is 1.7; true shapes stay above 0.4.
    private const float LowestContrast = 0.25f;
    private const float LowestSaturation = 0.35f;
    private const float FarthestHue = 40;

    // Coverage that is noise or gradient rather than the rim of a form; it would pull the centroid about.
    private const float LeastCover = 0.1f;

    /// <summary>Names the class of one image.</summary>
    /// <param name="image">size · size · 3 values of [−1, 1], channel last.</param>
    /// <param name="size">Its side, 16 to 32 pixels.</param>
    /// <returns>The index into <see cref="ShapesDataSet.ClassNames"/>, or −1, with the score.</returns>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public static ShapesVerdict Classify(ReadOnlySpan<float> image, int size)
    {
        if (size is < 16 or > 32 || image.Length != size * size * 3)
        {
            throw new ArgumentException(
                $"{image.Length} values at size {size}; expected size 16 to 32 and size · size · 3 values.", nameof(image));
        }

        Span<float> excess = stackalloc float[image.Length];
        BorderPlane.Subtract(image, size, excess);
        Span<float> cover = stackalloc float[size * size];
        if (!TryFindCover(image, excess, cover, out ShapeColor color))
        {
            return new(-1, 0);
        }

        int hue = NearestHue(color);
        (int form, float score) = BestForm(cover, size);
        return hue < 0 || score < LowestScore ? new(-1, score) : new((hue * ShapeForms.Count) + form, score);
    }

    /// <summary>cover = clamp((excess · m) / (m · m), 0, 1), where m is the mean excess of the farthest pixels.</summary>
    private static bool TryFindCover(ReadOnlySpan<float> image, ReadOnlySpan<float> excess, Span<float> cover, out ShapeColor color)
    {
        float farthest = 0;
        for (int i = 0; i < excess.Length; i += 3)
        {
            farthest = MathF.Max(farthest, Dot(excess, i, excess[i], excess[i + 1], excess[i + 2]));
        }

        float red = 0, green = 0, blue = 0, paintRed = 0, paintGreen = 0, paintBlue = 0;
        int count = 0;
        for (int i = 0; i < excess.Length; i += 3)
        {
            if (Dot(excess, i, excess[i], excess[i + 1], excess[i + 2]) >= 0.5f * farthest)
            {
                red += excess[i];
                green += excess[i + 1];
                blue += excess[i + 2];
                paintRed += image[i];
                paintGreen += image[i + 1];
                paintBlue += image[i + 2];
                count++;
            }
        }

        count = Math.Max(1, count);
        (red, green, blue) = (red / count, green / count, blue / count);
        color = new((paintRed / count / 2) + 0.5f, (paintGreen / count / 2) + 0.5f, (paintBlue / count / 2) + 0.5f);
        float square = (red * red) + (green * green) + (blue * blue);

        // Written so that a NaN anywhere is no shape.
        if (!(square >= LowestContrast * LowestContrast))
        {
            return false;
        }

        for (int i = 0; i < cover.Length; i++)
        {
            float part = Dot(excess, 3 * i, red, green, blue) / square;
            cover[i] = part < LeastCover ? 0 : MathF.Min(1, part);
        }

        return true;
    }

    private static float Dot(ReadOnlySpan<float> excess, int i, float red, float green, float blue) =>
        (excess[i] * red) + (excess[i + 1] * green) + (excess[i + 2] * blue);

    private static int NearestHue(ShapeColor color)
    {
        float most = MathF.Max(color.Red, MathF.Max(color.Green, color.Blue));
        float span = most - MathF.Min(color.Red, MathF.Min(color.Green, color.Blue));
        if (span < LowestSaturation * most)
        {
            return -1;
        }

        float hue = most == color.Red ? (color.Green - color.Blue) / span
            : most == color.Green ? 2 + ((color.Blue - color.Red) / span)
            : 4 + ((color.Red - color.Green) / span);
        int nearest = -1;
        float least = FarthestHue;
        for (int i = 0; i < ShapesDataSet.Hues.Length; i++)
        {
            float away = MathF.Abs(MathF.IEEERemainder((60 * hue) - ShapesDataSet.Hues[i], 360));
            if (away < least)
            {
                (nearest, least) = (i, away);
            }
        }

        return nearest;
    }

    private static (int Form, float Score) BestForm(ReadOnlySpan<float> cover, int size)
    {
        float sum = 0, squares = 0, momentX = 0, momentY = 0;
        for (int i = 0; i < cover.Length; i++)
        {
            sum += cover[i];
            squares += cover[i] * cover[i];
            momentX += cover[i] * (i % size);
            momentY += cover[i] * (i / size);
        }

        (int Form, float Score) best = (-1, 0);
        for (int form = 0; form < ShapeForms.Count; form++)
        {
            ShapeForm template = (ShapeForm)form;
            float box = MathF.Sqrt(sum / template.Area());
            float centreX = momentX / sum;
            float centreY = (momentY / sum) - (template.CentroidDrop() * box);
            float score = Climb(template, cover, size, sum, squares, centreX, centreY, box);
            if (score > best.Score)
            {
                best = (form, score);
            }
        }

        return best;
    }

    /// <summary>Correlation of the best template near the place given: one coordinate after another, with shrinking steps.</summary>
    private static float Climb(
        ShapeForm form, ReadOnlySpan<float> cover, int size, float sum, float squares, float x, float y, float box)
    {
        float best = Correlate(form, cover, size, sum, squares, x, y, box);
        for (float step = 0.5f; step > 0.1f; step /= 2)
        {
            for (int move = 0; move < 6; move++)
            {
                float signed = move % 2 == 0 ? step : -step;
                (float tryX, float tryY, float tryBox) = (move / 2) switch
                {
                    0 => (x, y, box + signed),
                    1 => (x, y + signed, box),
                    _ => (x + signed, y, box),
                };
                float score = Correlate(form, cover, size, sum, squares, tryX, tryY, tryBox);
                if (score > best)
                {
                    (best, x, y, box) = (score, tryX, tryY, tryBox);
                }
            }
        }

        return best;
    }

    private static float Correlate(
        ShapeForm form, ReadOnlySpan<float> cover, int size, float sum, float squares, float centreX, float centreY, float box)
    {
        float templateSum = 0, templateSquares = 0, product = 0;
        int left = Math.Clamp((int)(centreX - (box / 2)) - 1, 0, size);
        int right = Math.Clamp((int)(centreX + (box / 2)) + 2, 0, size - 1);
        int top = Math.Clamp((int)(centreY - (box / 2)) - 1, 0, size);
        int bottom = Math.Clamp((int)(centreY + (box / 2)) + 2, 0, size - 1);
        for (int y = top; y <= bottom; y++)
        {
            for (int x = left; x <= right; x++)
            {
                float value = form.Coverage(x - centreX, y - centreY, box);
                templateSum += value;
                templateSquares += value * value;
                product += value * cover[(y * size) + x];
            }
        }

        float count = cover.Length;
        float variance = (squares - (sum * sum / count)) * (templateSquares - (templateSum * templateSum / count));
        return variance > 1e-6f ? (product - (sum * templateSum / count)) / MathF.Sqrt(variance) : 0;
    }
}
