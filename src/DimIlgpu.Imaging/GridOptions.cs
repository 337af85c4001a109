namespace DimIlgpu.Imaging;

/// <summary>How a grid of images is laid out. Text is left out where no font is installed.</summary>
public sealed record GridOptions
{
    /// <summary>Images per row; as near to a square as can be when null.</summary>
    public int? Columns { get; init; }

    /// <summary>The side of the square that each pixel becomes; about 96 pixels an image when null.</summary>
    public int? Scale { get; init; }

    /// <summary>Pixels between columns.</summary>
    public int Padding { get; init; } = 6;

    /// <summary>Pixels between rows; <see cref="Padding"/> when null.</summary>
    public int? RowPadding { get; init; }

    /// <summary>A name at the left of each row.</summary>
    public IReadOnlyList<string>? RowLabels { get; init; }

    /// <summary>A name above each column.</summary>
    public IReadOnlyList<string>? ColumnLabels { get; init; }

    /// <summary>A name below each image.</summary>
    public IReadOnlyList<string>? Captions { get; init; }
}
