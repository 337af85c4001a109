using System.Globalization;
using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>Shows clips standing still: one row per clip, one column per frame.</summary>
public static class ContactSheet
{
    private const int BetweenFrames = 2;
    private const int BetweenClips = 10;

    /// <summary>Composes the sheet.</summary>
    /// <param name="clips">Clips of one length and size.</param>
    /// <param name="labels">A name per clip, or null.</param>
    /// <param name="scale">As <see cref="GridOptions.Scale"/>.</param>
    public static RawImage Compose(
        IReadOnlyList<IReadOnlyList<RawImage>> clips,
        IReadOnlyList<string>? labels = null,
        int? scale = null)
    {
        int frames = ClipCheck.RequireOneLength(clips);
        GridOptions options = new()
        {
            Columns = frames,
            Scale = scale,
            Padding = BetweenFrames,
            RowPadding = BetweenClips,
            RowLabels = labels,
            ColumnLabels = [.. Enumerable.Range(1, frames).Select(frame => frame.ToString(CultureInfo.InvariantCulture))],
        };
        return Grid.Compose([.. clips.SelectMany(clip => clip)], options);
    }
}
