namespace DimIlgpu.Model.Data;

/// <summary>Size, seed and number of the procedural samples.</summary>
public sealed record ShapesOptions
{
    /// <summary>Side of the square images in pixels, 16 to 32.</summary>
    public int Size { get; init; } = 16;

    /// <summary>The seed from which every sample follows.</summary>
    public ulong Seed { get; init; }

    /// <summary>Samples to train on.</summary>
    public int TrainCount { get; init; } = 50_000;

    /// <summary>Samples never trained on.</summary>
    public int HeldOutCount { get; init; } = 5_000;

    /// <summary>Throws if an option has a value it cannot have.</summary>
    /// <exception cref="ArgumentException">The message names the option, its value and what was expected.</exception>
    public void Validate()
    {
        if (this.Size is < 16 or > 32)
        {
            throw new ArgumentException($"Size is {this.Size}; shapes are drawn at 16 to 32 pixels.");
        }

        if (this.TrainCount < 1 || this.HeldOutCount < 0)
        {
            throw new ArgumentException(
                $"TrainCount is {this.TrainCount} and HeldOutCount {this.HeldOutCount}; expected at least 1 and 0.");
        }
    }
}

/// <summary>
/// <c>shapes</c>: circles, squares and triangles in red, green and blue before a plain background; needs no download.
/// </summary>
/// <remarks>Sample i of a split is a pure function of (seed, split, i); its label is i modulo the number of classes.</remarks>
public sealed class ShapesDataSet : IDataSet
{
    // Degrees, about a third of the circle apart, clear of yellow, cyan and magenta.
    internal static readonly float[] Hues = [0, 125, 225];
    private static readonly string[] Colors = ["red", "green", "blue"];
    private readonly ShapesOptions options;

    /// <summary>The data set of <paramref name="options"/>, or of the defaults.</summary>
    /// <exception cref="ArgumentException">An option has a value it cannot have.</exception>
    public ShapesDataSet(ShapesOptions? options = null)
    {
        this.options = options ?? new();
        this.options.Validate();
        this.Shape = new(1, this.options.Size, this.options.Size, 3);
    }

    /// <summary>The classes: colour-major, as in "red circle", "red square", "red triangle", "green circle".</summary>
    public static IReadOnlyList<string> ClassNames { get; } =
        [.. from color in Colors from form in Enum.GetValues<ShapeForm>() select $"{color} {form.Name()}"];

    /// <inheritdoc/>
    public string Name => "shapes";

    /// <inheritdoc/>
    public SampleShape Shape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes => ClassNames;

    /// <inheritdoc/>
    public bool AllowsHorizontalFlip => true;

    /// <inheritdoc/>
    public bool IsLatent => false;

    /// <inheritdoc/>
    public int Count(DataSplit split) => split == DataSplit.Train ? this.options.TrainCount : this.options.HeldOutCount;

    /// <inheritdoc/>
    public int Read(DataSplit split, int index, Span<float> values)
    {
        SampleArguments.Check(this, split, index, values);
        CounterRandom random = new(this.options.Seed, (ulong)split, (ulong)index);
        int label = index % ClassNames.Count;
        int size = this.options.Size;

        // Always wholly inside with a pixel to spare: a person and the classifier see the background all round.
        float box = size * random.Next(0.42f, 0.72f);
        float room = ((size - box) / 2) - 1;
        float middle = (size - 1) / 2f;
        float centreX = middle + random.Next(-room, room);
        float centreY = middle + random.Next(-room, room);
        ShapeColor color = PureColor(Hues[label / ShapeForms.Count], ref random);
        ShapeBackground background = ShapeBackground.Draw(ref random);
        ShapeScene scene = new((ShapeForm)(label % ShapeForms.Count), centreX, centreY, box, color, background);
        scene.Draw(size, values);
        return label;
    }

    /// <summary>A strong colour near <paramref name="hue"/>; green is drawn darker, or it would outshine the others.</summary>
    internal static ShapeColor PureColor(float hue, ref CounterRandom random)
    {
        float dim = hue is > 60 and < 180 ? 0.2f : 0;
        return ShapeColor.FromHsv(hue + random.Next(-8, 8), random.Next(0.8f, 0.95f), random.Next(0.86f, 1f) - dim);
    }
}
