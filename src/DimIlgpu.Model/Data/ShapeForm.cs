namespace DimIlgpu.Model.Data;

/// <summary>The forms of the procedural data sets; each is its own mirror image.</summary>
internal enum ShapeForm
{
    Circle,
    Square,
    Triangle,
}

/// <summary>Analytic coverage of the forms: exact edges at any size, without supersampling.</summary>
internal static class ShapeForms
{
    public const int Count = 3;

    // A square is drawn smaller than its box, so that it is told from a circle by its form, not by its area.
    private const float SquareSide = 0.9f;

    public static string Name(this ShapeForm form) => form switch
    {
        ShapeForm.Circle => "circle",
        ShapeForm.Square => "square",
        _ => "triangle",
    };

    /// <summary>Area of the form as a part of its box.</summary>
    public static float Area(this ShapeForm form) => form switch
    {
        ShapeForm.Circle => MathF.PI / 4,
        ShapeForm.Square => SquareSide * SquareSide,
        _ => 0.5f,
    };

    /// <summary>How far the centroid lies below the middle of the box, in box sides.</summary>
    public static float CentroidDrop(this ShapeForm form) => form == ShapeForm.Triangle ? 1f / 6 : 0;

    /// <summary>How much of a pixel the form covers: clamp(½ − d, 0, 1) for signed distance d in pixels.</summary>
    /// <param name="form">The form.</param>
    /// <param name="x">The pixel's centre, from the middle of the box, rightwards.</param>
    /// <param name="y">Likewise, downwards.</param>
    /// <param name="box">Side of the box, in pixels.</param>
    public static float Coverage(this ShapeForm form, float x, float y, float box)
    {
        float distance;
        switch (form)
        {
            case ShapeForm.Circle:
                distance = MathF.Sqrt((x * x) + (y * y)) - (box / 2);
                break;
            case ShapeForm.Square:
                distance = MathF.Max(MathF.Abs(x), MathF.Abs(y)) - (SquareSide * box / 2);
                break;
            default:
                // Base as wide as the box; the slanted sides have the normal (2, −1)/√5 and its mirror image.
                float slant = ((2 * MathF.Abs(x)) - (y + (box / 2))) * 0.4472136f;
                distance = MathF.Max(y - (box / 2), slant);
                break;
        }

        return Math.Clamp(0.5f - distance, 0, 1);
    }
}
