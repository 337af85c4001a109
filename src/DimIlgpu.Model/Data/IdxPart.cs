namespace DimIlgpu.Model.Data;

/// <summary>The samples and labels of one pair of idx files.</summary>
internal sealed record IdxPart(SampleShape Shape, ByteSamples Samples, byte[] Labels, int LabelColumns)
{
    /// <summary>One more than the highest label.</summary>
    public int ClassCount => this.Labels.Max() + 1;

    public static IdxPart Read(string images, string? labels, int? size, IProgress<double>? progress, CancellationToken cancellation)
    {
        using IdxFile imageFile = IdxFile.Open(images);
        int count = imageFile.Sizes[0];

        // Labels first: they are small, and tell a pair that does not belong together before the long read.
        byte[]? classes = null;
        int columns = 0;
        if (labels is not null)
        {
            using IdxFile labelFile = IdxFile.Open(labels);
            columns = labelFile.Sizes.Length == 2 ? labelFile.Sizes[1] : 1;
            if (labelFile.Sizes[0] != count)
            {
                throw labelFile.Fault($"has labels for {labelFile.Sizes[0]} samples, but {images} holds {count}");
            }

            classes = ReadLabels(labelFile);
        }

        (SampleShape shape, ByteSamples samples) = ReadImages(imageFile, size, progress, cancellation);
        return new(shape, samples, classes ?? new byte[count], columns);
    }

    /// <summary>The first column of a file of (N) or (N, K).</summary>
    public static byte[] ReadLabels(IdxFile file)
    {
        if (file.Sizes.Length > 2)
        {
            throw file.Fault($"has {file.Sizes.Length} dimensions, expected 1 or 2 for labels");
        }

        List<byte> labels = [];
        for (int i = 0; i < file.Sizes[0]; i++)
        {
            labels.Add(file.Next()[0]);
        }

        file.CheckEnd();
        return [.. labels];
    }

    /// <summary>The samples of a file of (N, H, W), (N, H, W, C) or (N, F, H, W, C).</summary>
    public static (SampleShape Shape, ByteSamples Samples) ReadImages(
        IdxFile file, int? size, IProgress<double>? progress, CancellationToken cancellation)
    {
        SampleShape stored = file.Sizes switch
        {
            [_, int height, int width] => new(1, height, width, 1),
            [_, int height, int width, int channels] => new(1, height, width, channels),
            [_, int frames, int height, int width, int channels] => new(frames, height, width, channels),
            _ => throw file.Fault($"has {file.Sizes.Length} dimensions, expected 3 to 5 for images"),
        };
        if (stored.Channels is not (1 or 3))
        {
            throw file.Fault($"has {stored.Channels} channels (its last dimension), expected 1 or 3");
        }

        int side = size ?? 0;
        bool fits = size is null || SquareImage.CanFit(stored.Height, stored.Width, side);
        if (!fits)
        {
            throw new ArgumentException(file.Fault(
                $"holds {stored.Width}×{stored.Height} images, which cannot become {size}×{size}: expected a size of at least "
                + "theirs, or one that divides the side of square ones").Message);
        }

        bool same = size is null || (stored.Height == side && stored.Width == side);
        SampleShape shape = same ? stored : stored with { Height = side, Width = side };
        CheckMemory(file, shape);
        ByteSamples samples = new(file.Sizes[0], shape.Length);
        int frameIn = stored.Length / stored.Frames;
        int frameOut = shape.Length / shape.Frames;
        for (int i = 0; i < samples.Count; i++)
        {
            if (i % 256 == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                progress?.Report((double)i / samples.Count);
            }

            ReadOnlySpan<byte> bytes = file.Next();
            Span<byte> target = samples.Add(i);
            if (same)
            {
                bytes.CopyTo(target);
                continue;
            }

            for (int f = 0; f < stored.Frames; f++)
            {
                SquareImage.Fit(
                    bytes.Slice(f * frameIn, frameIn), stored.Height, stored.Width, stored.Channels, side, target.Slice(f * frameOut, frameOut));
            }
        }

        file.CheckEnd();
        progress?.Report(1);
        return (shape, samples);
    }

    private static void CheckMemory(IdxFile file, SampleShape shape)
    {
        long length = (long)shape.Frames * shape.Height * shape.Width * shape.Channels;
        if (length > Array.MaxLength)
        {
            throw file.Fault($"would hold samples of {length} bytes at this size; 2³¹ is too many");
        }

        // Told now rather than by a crash when the memory is full.
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (length > available / file.Sizes[0])
        {
            throw file.Fault($"holds {file.Sizes[0]} samples of {length} bytes, more than the {available} bytes of memory here");
        }
    }
}
