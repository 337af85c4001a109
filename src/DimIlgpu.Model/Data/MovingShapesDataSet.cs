namespace DimIlgpu.Model.Data;

/// <summary>
/// <c>moving-shapes</c>: clips of 8 frames in which a circle, square or triangle of any colour moves left, right, up or down.
/// </summary>
/// <remarks>Sample i of a split is a pure function of (seed, split, i); its label is i modulo the number of classes.</remarks>
public sealed class MovingShapesDataSet : IDataSet
{
    /// <summary>Frames in a clip.</summary>
    public const int Frames = 8;

    private const int Motions = 4;
    private readonly ShapesOptions options;

    /// <summary>The data set of <paramref name="options"/>, or of the defaults.</summary>
    /// <exception cref="ArgumentException">An option has a value it cannot have.</exception>
    public MovingShapesDataSet(ShapesOptions? options = null)
    {
        this.options = options ?? new();
        this.options.Validate();
        this.Shape = new(Frames, this.options.Size, this.options.Size, 3);
    }

    /// <summary>The classes: form-major, as in "circle left", "circle right", "circle up", "circle down".</summary>
    public static IReadOnlyList<string> ClassNames { get; } =
    [
        .. from form in Enum.GetValues<ShapeForm>()
           from motion in new[] { "left", "right", "up", "down" }
           select $"{form.Name()} {motion}",
    ];

    /// <inheritdoc/>
    public string Name => "moving-shapes";

    /// <inheritdoc/>
    public SampleShape Shape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes => ClassNames;

    /// <summary>False: a mirrored clip is of another class.</summary>
    public bool AllowsHorizontalFlip => false;

    /// <inheritdoc/>
    public bool IsLatent => false;

    /// <inheritdoc/>
    public int Count(DataSplit split) => split == DataSplit.Train ? this.options.TrainCount : this.options.HeldOutCount;

    /// <inheritdoc/>
    public int Read(DataSplit split, int index, Span<float> values)
    {
        SampleArguments.Check(this, split, index, values);

        // A stream of its own, so that a clip is not a "shapes" image set in motion.
        CounterRandom random = new(this.options.Seed, 16 + (ulong)split, (ulong)index);
        int label = index % ClassNames.Count;
        ShapeForm form = (ShapeForm)(label / Motions);
        int motion = label % Motions;
        int size = this.options.Size;

        float box = size * random.Next(0.4f, 0.52f);
        float travel = size * random.Next(0.4f, 0.55f);
        float middle = (size - 1) / 2f;

        // The way is centred, give or take what keeps the form in view; at the largest it leaves by a pixel at each end.
        float room = MathF.Max(0, ((size - box - travel) / 2) - 0.5f);
        float along = random.Next(-room, room);
        float across = random.Next(-1, 1) * (((size - box) / 2) - 0.5f);
        ShapeColor color = ShapesDataSet.PureColor(random.Next(0, 360), ref random);
        ShapeBackground background = ShapeBackground.Draw(ref random);
        for (int frame = 0; frame < Frames; frame++)
        {
            float way = travel * (((float)frame / (Frames - 1)) - 0.5f);
            float position = along + (motion is 0 or 2 ? -way : way);
            (float x, float y) = motion < 2 ? (position, across) : (across, position);
            ShapeScene scene = new(form, middle + x, middle + y, box, color, background);
            scene.Draw(size, values.Slice(frame * size * size * 3, size * size * 3));
        }

        return label;
    }
}
