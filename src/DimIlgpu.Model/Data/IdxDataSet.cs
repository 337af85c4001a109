namespace DimIlgpu.Model.Data;

/// <summary>How idx files are read.</summary>
public sealed record IdxOptions
{
    internal const int LargestSize = 4096;

    /// <summary>
    /// Side of the square the frames are brought to, or null for their own size. Smaller frames are padded with −1;
    /// larger ones are averaged where the side divides theirs.
    /// </summary>
    public int? Size { get; init; }

    /// <summary>
    /// Consecutive samples that are held out together where there is no held-out file; null for 9 for clips with several
    /// columns of labels (a character of the sprites), else 1.
    /// </summary>
    public int? GroupSize { get; init; }

    /// <summary>Whether samples may be mirrored; digits and letters may not.</summary>
    public bool AllowsHorizontalFlip { get; init; }

    /// <summary>Throws if an option has a value it cannot have.</summary>
    /// <exception cref="ArgumentException">The message names the option, its value and what was expected.</exception>
    public void Validate()
    {
        if (this.Size is < 1 or > LargestSize)
        {
            throw new ArgumentException($"Size is {this.Size}; expected 1 to {LargestSize} pixels.");
        }

        if (this.GroupSize < 1)
        {
            throw new ArgumentException($"GroupSize is {this.GroupSize}; expected at least 1.");
        }
    }
}

/// <summary>Images or clips in idx files of unsigned bytes: (N, H, W), (N, H, W, C) or (N, F, H, W, C), plain or gz.</summary>
/// <remarks>
/// Labels are idx files of (N) or (N, K), whose first column is the class. Samples are kept in memory as bytes, as many as
/// the files hold unzipped (fewer where <see cref="IdxOptions.Size"/> makes them smaller).
/// </remarks>
public sealed class IdxDataSet : IDataSet
{
    private const int ClipLabelGroup = 9;
    private readonly ByteSamples train;
    private readonly ByteSamples heldOut;
    private readonly byte[] trainLabels;
    private readonly byte[] heldOutLabels;
    private readonly int[]? trainOrder;
    private readonly int[]? heldOutOrder;

    private IdxDataSet(string path, IdxPart train, IdxPart? heldOut, IdxOptions options, IReadOnlyList<string> classes)
    {
        this.Name = path;
        this.Shape = train.Shape;
        this.Classes = classes;
        this.AllowsHorizontalFlip = options.AllowsHorizontalFlip;
        this.train = train.Samples;
        this.trainLabels = train.Labels;
        this.heldOut = (heldOut ?? train).Samples;
        this.heldOutLabels = (heldOut ?? train).Labels;
        if (heldOut is null)
        {
            int group = options.GroupSize ?? (this.Shape.IsVideo && train.LabelColumns > 1 ? ClipLabelGroup : 1);
            (this.trainOrder, this.heldOutOrder) = HoldOut.Split(train.Samples.Count, group);
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public SampleShape Shape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; }

    /// <inheritdoc/>
    public bool AllowsHorizontalFlip { get; }

    /// <inheritdoc/>
    public bool IsLatent => false;

    /// <summary>Reads a folder with MNIST-style names, a folder with one images file, or an images file.</summary>
    /// <param name="path">
    /// A folder with <c>train-images…</c> and, for what is held out, <c>t10k-images…</c> or <c>test-images…</c>; or one images
    /// file, of which 5 % are then held out. Labels lie beside it under the same name with <c>labels</c>, or as
    /// <c>labels-idx1</c> or <c>labels-idx2</c>; without any there is one class, "all". <c>classes.txt</c> names the classes.
    /// </param>
    /// <param name="options">How to read, or null for the defaults.</param>
    /// <param name="progress">Receives 0 to 1.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <exception cref="FileNotFoundException">There is nothing at <paramref name="path"/>, or no images file in the folder.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or files do not fit each other; the message names the file.</exception>
    /// <exception cref="ArgumentException">An option has a value it cannot have with these images.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> asked for it.</exception>
    public static IdxDataSet Open(
        string path, IdxOptions? options = null, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        options ??= new();
        options.Validate();
        IdxPaths paths = IdxPaths.Find(path);
        if (paths is { Labels: not null, HeldOutImages: not null, HeldOutLabels: null })
        {
            throw new InvalidDataException($"{paths.HeldOutImages}: has no labels beside it, but {paths.Images} has.");
        }

        IdxPart train = IdxPart.Read(paths.Images, paths.Labels, options.Size, progress, cancellation);
        IdxPart? heldOut = paths.HeldOutImages is { } images
            ? IdxPart.Read(images, paths.Labels is null ? null : paths.HeldOutLabels, options.Size, null, cancellation)
            : null;
        if (heldOut is not null && heldOut.Shape != train.Shape)
        {
            throw new InvalidDataException($"{paths.HeldOutImages}: holds {heldOut.Shape}, but {paths.Images} holds {train.Shape}.");
        }

        int classes = Math.Max(train.ClassCount, heldOut?.ClassCount ?? 0);
        IReadOnlyList<string> names = paths.Labels is null
            ? ["all"]
            : ClassNames.Read(Path.GetDirectoryName(Path.GetFullPath(paths.Images))!, classes);
        return new(path, train, heldOut, options, names);
    }

    /// <inheritdoc/>
    public int Count(DataSplit split) => split == DataSplit.Train
        ? this.trainOrder?.Length ?? this.train.Count
        : this.heldOutOrder?.Length ?? this.heldOut.Count;

    /// <inheritdoc/>
    public int Read(DataSplit split, int index, Span<float> values)
    {
        SampleArguments.Check(this, split, index, values);
        (ByteSamples samples, byte[] labels, int[]? order) = split == DataSplit.Train
            ? (this.train, this.trainLabels, this.trainOrder)
            : (this.heldOut, this.heldOutLabels, this.heldOutOrder);
        int place = order?[index] ?? index;
        ByteSamples.ToPixels(samples[place], values);
        return labels[place];
    }
}
