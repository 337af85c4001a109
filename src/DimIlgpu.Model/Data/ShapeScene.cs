namespace DimIlgpu.Model.Data;

/// <summary>An RGB colour, each component 0 to 1.</summary>
internal readonly record struct ShapeColor(float Red, float Green, float Blue)
{
    /// <param name="hue">Degrees.</param>
    /// <param name="saturation">0 to 1.</param>
    /// <param name="value">0 to 1.</param>
    public static ShapeColor FromHsv(float hue, float saturation, float value)
    {
        return new(Component(5), Component(3), Component(1));

        float Component(float offset)
        {
            float k = (offset + (hue / 60) + 6) % 6;
            return value - (value * saturation * Math.Clamp(MathF.Min(k, 4 - k), 0, 1));
        }
    }
}

/// <summary>A background: a colour at the middle and a linear slope of brightness across the image.</summary>
internal readonly record struct ShapeBackground(ShapeColor Middle, float SlopeX, float SlopeY)
{
    /// <summary>Nearly grey, dark or light but never between, where the forms' own brightness lies.</summary>
    public static ShapeBackground Draw(ref CounterRandom random)
    {
        float level = random.NextUnit() < 0.5f ? random.Next(0.08f, 0.25f) : random.Next(0.76f, 0.92f);
        ShapeColor middle = new(
            level + random.Next(-0.03f, 0.03f), level + random.Next(-0.03f, 0.03f), level + random.Next(-0.03f, 0.03f));
        float slope = random.Next(0, 0.1f);
        (float sine, float cosine) = MathF.SinCos(random.Next(0, 2 * MathF.PI));
        return new(middle, slope * cosine, slope * sine);
    }
}

/// <summary>One form before a background, drawn into channel-last values of [−1, 1].</summary>
internal readonly record struct ShapeScene(
    ShapeForm Form, float CentreX, float CentreY, float Box, ShapeColor Color, ShapeBackground Background)
{
    /// <summary>Draws an image of size × size × 3. Positions are in pixels, x rightwards and y downwards.</summary>
    public void Draw(int size, Span<float> values)
    {
        float middle = (size - 1) / 2f;
        for (int y = 0, i = 0; y < size; y++)
        {
            for (int x = 0; x < size; x++, i += 3)
            {
                float shade = ((this.Background.SlopeX * (x - middle)) + (this.Background.SlopeY * (y - middle))) / size;
                float cover = this.Form.Coverage(x - this.CentreX, y - this.CentreY, this.Box);
                values[i] = Mix(this.Background.Middle.Red + shade, this.Color.Red, cover);
                values[i + 1] = Mix(this.Background.Middle.Green + shade, this.Color.Green, cover);
                values[i + 2] = Mix(this.Background.Middle.Blue + shade, this.Color.Blue, cover);
            }
        }
    }

    private static float Mix(float below, float above, float cover) => (2 * Math.Clamp(below + ((above - below) * cover), 0, 1)) - 1;
}
