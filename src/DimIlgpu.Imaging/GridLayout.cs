namespace DimIlgpu.Imaging;

/// <summary>Where everything in a grid goes, in pixels.</summary>
internal sealed class GridLayout
{
    public const int CaptionGap = 4;

    private const double ShownSide = 96;
    private const float LabelSize = 15;
    private const float CaptionSize = 12;
    private const int LabelGap = 12;
    private const int ColumnLabelGap = 5;
    private const int WidestLabel = 220;

    private readonly int columnStep;
    private readonly int rowStep;
    private readonly int left;
    private readonly int top;

    private GridLayout(int count, int imageWidth, int imageHeight, int columns, int scale, GridOptions options)
    {
        int rowPadding = options.RowPadding ?? options.Padding;
        this.Columns = columns;
        this.Rows = (count + columns - 1) / columns;
        this.Scale = scale;
        this.TileWidth = checked(imageWidth * scale);
        this.TileHeight = checked(imageHeight * scale);
        this.Margin = Math.Max(12, 2 * Math.Max(options.Padding, rowPadding));

        this.RowLabels = Set(options.RowLabels, this.Rows, LabelSize, WidestLabel);
        this.ColumnLabels = Set(options.ColumnLabels, columns, CaptionSize, this.TileWidth);
        this.Captions = Set(options.Captions, count, CaptionSize, this.TileWidth);
        this.LabelWidth = Widest(this.RowLabels);

        int captionHeight = Tallest(this.Captions) is int tall and > 0 ? tall + CaptionGap : 0;
        this.columnStep = checked(this.TileWidth + options.Padding);
        this.rowStep = checked(this.TileHeight + captionHeight + rowPadding);
        this.left = this.Margin + (this.LabelWidth > 0 ? this.LabelWidth + LabelGap : 0);
        this.top = this.Margin + (Tallest(this.ColumnLabels) is int head and > 0 ? head + ColumnLabelGap : 0);
        this.Width = checked(this.left + (this.Columns * this.columnStep) - options.Padding + this.Margin);
        this.Height = checked(this.top + (this.Rows * this.rowStep) - rowPadding + this.Margin);
    }

    public int Columns { get; }

    public int Rows { get; }

    public int Scale { get; }

    public int TileWidth { get; }

    public int TileHeight { get; }

    public int Margin { get; }

    public int LabelWidth { get; }

    public int Width { get; }

    public int Height { get; }

    public IReadOnlyList<TextMask?> RowLabels { get; }

    public IReadOnlyList<TextMask?> ColumnLabels { get; }

    public IReadOnlyList<TextMask?> Captions { get; }

    private bool Fits => Math.Max(this.Width, this.Height) <= SkiaImageCodec.MaximumWebPSide
        && (long)this.Width * this.Height <= SkiaImageCodec.MaximumPixels;

    /// <summary>Plans a grid; a scale that was not asked for shrinks until the picture can be written.</summary>
    public static GridLayout Plan(int count, int imageWidth, int imageHeight, GridOptions options)
    {
        Require(options);
        int columns = Math.Min(options.Columns ?? (int)Math.Ceiling(Math.Sqrt(count)), count);
        int scale = options.Scale ?? Math.Max(1, (int)Math.Round(ShownSide / Math.Max(imageWidth, imageHeight)));
        GridLayout layout = new(count, imageWidth, imageHeight, columns, scale, options);
        while (options.Scale is null && scale > 1 && !layout.Fits)
        {
            layout = new GridLayout(count, imageWidth, imageHeight, columns, --scale, options);
        }

        return layout.Fits
            ? layout
            : throw new ArgumentException(
                $"A grid of {count} images in {columns} columns would be {layout.Width}×{layout.Height} pixels; at most {SkiaImageCodec.MaximumWebPSide} a side and {SkiaImageCodec.MaximumPixels / 1_000_000} million in all are written.",
                nameof(options));
    }

    public int Left(int column) => this.left + (column * this.columnStep);

    public int Top(int row) => this.top + (row * this.rowStep);

    private static void Require(GridOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Columns ?? 1, 1, nameof(options.Columns));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Scale ?? 1, 1, nameof(options.Scale));
        ArgumentOutOfRangeException.ThrowIfNegative(options.Padding, nameof(options.Padding));
        ArgumentOutOfRangeException.ThrowIfNegative(options.RowPadding ?? 0, nameof(options.RowPadding));
    }

    private static List<TextMask?> Set(IReadOnlyList<string>? texts, int count, float size, int widest)
    {
        if (texts is null)
        {
            return [];
        }

        return texts.Count == count
            ? texts.Select(text => TextMask.Set(text, size, widest)).ToList()
            : throw new ArgumentException($"There are {texts.Count} labels for {count} rows, columns or images.", nameof(texts));
    }

    private static int Widest(IReadOnlyList<TextMask?> texts) => texts.Max(text => text?.Width) ?? 0;

    private static int Tallest(IReadOnlyList<TextMask?> texts) => texts.Max(text => text?.Height) ?? 0;
}
