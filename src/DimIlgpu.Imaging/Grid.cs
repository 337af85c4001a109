using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>Composes images of one size into one picture, row by row.</summary>
public static class Grid
{
    private static readonly Rgb Background = new(247, 247, 249);
    private static readonly Rgb Ink = new(58, 60, 68);
    private static readonly Rgb FaintInk = new(128, 131, 140);

    /// <summary>Lays <paramref name="images"/> out on a near-white ground.</summary>
    /// <param name="images">At least one, all of one size; grey and RGB may be mixed.</param>
    /// <param name="options">The layout; the default when null.</param>
    /// <returns>An RGB picture.</returns>
    public static RawImage Compose(IReadOnlyList<RawImage> images, GridOptions? options = null)
    {
        RawImageCheck.RequireOneSize(images);
        GridLayout layout = GridLayout.Plan(images.Count, images[0].Width, images[0].Height, options ?? new GridOptions());
        Canvas canvas = new(layout.Width, layout.Height, Background);
        for (int i = 0; i < images.Count; i++)
        {
            canvas.Place(images[i], layout.Left(i % layout.Columns), layout.Top(i / layout.Columns), layout.Scale);
        }

        DrawRowLabels(canvas, layout);
        DrawColumnLabels(canvas, layout);
        DrawCaptions(canvas, layout);
        return canvas.ToImage();
    }

    private static void DrawRowLabels(Canvas canvas, GridLayout layout)
    {
        for (int row = 0; row < layout.RowLabels.Count; row++)
        {
            if (layout.RowLabels[row] is TextMask label)
            {
                // Right-aligned, so that each name stands next to its images.
                int left = layout.Margin + layout.LabelWidth - label.Width;
                canvas.Place(label, left, layout.Top(row) + ((layout.TileHeight - label.Height) / 2), Ink);
            }
        }
    }

    private static void DrawColumnLabels(Canvas canvas, GridLayout layout)
    {
        for (int column = 0; column < layout.ColumnLabels.Count; column++)
        {
            if (layout.ColumnLabels[column] is TextMask label)
            {
                int left = layout.Left(column) + ((layout.TileWidth - label.Width) / 2);
                canvas.Place(label, left, layout.Margin, FaintInk);
            }
        }
    }

    private static void DrawCaptions(Canvas canvas, GridLayout layout)
    {
        for (int i = 0; i < layout.Captions.Count; i++)
        {
            if (layout.Captions[i] is TextMask caption)
            {
                int left = layout.Left(i % layout.Columns) + ((layout.TileWidth - caption.Width) / 2);
                int top = layout.Top(i / layout.Columns) + layout.TileHeight + GridLayout.CaptionGap;
                canvas.Place(caption, left, top, Ink);
            }
        }
    }
}
