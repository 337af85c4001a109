using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>Decides how a set of samples is laid out and labelled.</summary>
internal static class SampleSheet
{
    /// <summary>Composes one grid per frame, so that all clips play together.</summary>
    public static RawImage[] ComposeFrames(SampleSet set)
    {
        int frames = Require(set);
        GridOptions options = Options(set);
        RawImage[] sheets = new RawImage[frames];
        for (int frame = 0; frame < frames; frame++)
        {
            sheets[frame] = Grid.Compose([.. set.Samples.Select(sample => sample[frame])], options);
        }

        return sheets;
    }

    /// <summary>Returns the number of frames of every sample.</summary>
    public static int Require(SampleSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        int frames = ClipCheck.RequireOneLength(set.Samples, nameof(set));
        return set.Labels is null || set.Labels.Count == set.Samples.Count
            ? frames
            : throw new ArgumentException($"There are {set.Labels.Count} labels for {set.Samples.Count} samples.", nameof(set));
    }

    private static GridOptions Options(SampleSet set)
    {
        GridOptions options = new() { Columns = set.Columns, Scale = set.Scale };
        if (set.Labels is not { } labels)
        {
            return options;
        }

        // Samples that come class by class read best as one row a class, with its name said once.
        int? columns = set.Columns ?? RunLength(labels);
        return columns is int width && RowNames(labels, width) is { } names
            ? options with { Columns = columns, RowLabels = names }
            : options with { Captions = labels };
    }

    /// <summary>The length of the first run of equal labels, if it is one worth a row.</summary>
    private static int? RunLength(IReadOnlyList<string> labels)
    {
        int length = labels.TakeWhile(label => label == labels[0]).Count();
        return length > 1 && length < labels.Count ? length : null;
    }

    private static List<string>? RowNames(IReadOnlyList<string> labels, int columns)
    {
        List<string> names = [];
        foreach (string[] row in labels.Chunk(columns))
        {
            if (row.Any(label => label != row[0]))
            {
                return null;
            }

            names.Add(row[0]);
        }

        return names;
    }
}
