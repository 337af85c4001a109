using System.Runtime.ExceptionServices;

namespace DimIlgpu.Model.Data;

/// <summary>How a folder or archive of images is read.</summary>
public sealed record ImageFolderOptions
{
    /// <summary>Side of the square every image is cut and resized to, or null where all have one size already.</summary>
    public int? Size { get; init; }

    /// <summary>Whether samples may be mirrored.</summary>
    public bool AllowsHorizontalFlip { get; init; } = true;

    /// <summary>Decoded bytes kept in memory at most; a larger set is decoded anew at each read.</summary>
    public long DecodedBytesInMemory { get; init; } = 1L << 30;

    /// <summary>Throws if an option has a value it cannot have.</summary>
    /// <exception cref="ArgumentException">The message names the option, its value and what was expected.</exception>
    public void Validate()
    {
        if (this.Size is < 1 or > IdxOptions.LargestSize)
        {
            throw new ArgumentException($"Size is {this.Size}; expected 1 to {IdxOptions.LargestSize} pixels.");
        }

        if (this.DecodedBytesInMemory < 0)
        {
            throw new ArgumentException($"DecodedBytesInMemory is {this.DecodedBytesInMemory}; expected at least 0.");
        }
    }
}

/// <summary>Images in class folders, in a folder or a tar archive (.tar, .tar.gz, .tgz), as RGB.</summary>
/// <remarks>
/// <c>CLASS/*</c>, of which 5 % of each class are held out; or <c>train/CLASS/*</c> with <c>test/CLASS/*</c> (or
/// <c>val/CLASS/*</c>). Classes are in ordinal order of their names. Files of other kinds are passed over; an image that
/// cannot be decoded is an error, not a gap.
/// </remarks>
public sealed class ImageFolderDataSet : IDataSet
{
    private const int DeepestFolder = 8;
    private readonly IImageCodec codec;
    private readonly bool resize;
    private readonly (ImageEntry Entry, int Label)[] entries;
    private readonly int[] labels;
    private readonly int trainCount;
    private readonly ByteSamples? decoded;

    private ImageFolderDataSet(
        string path, ImageFolderLayout layout, ImageFolderOptions options, IImageCodec codec, IProgress<double>? progress, CancellationToken cancellation)
    {
        this.Name = path;
        this.codec = codec;
        this.resize = options.Size is not null;
        this.Classes = layout.Classes;
        this.AllowsHorizontalFlip = options.AllowsHorizontalFlip;
        this.entries = [.. layout.Train, .. layout.HeldOut];
        this.labels = [.. this.entries.Select(static entry => entry.Label)];
        this.trainCount = layout.Train.Count;
        if (options.Size is { } size)
        {
            this.Shape = new(1, size, size, 3);
        }
        else
        {
            RawImage first = this.entries[0].Entry.Decode(codec);
            this.Shape = new(1, first.Height, first.Width, 3);
        }

        // By division: a count and a length that both come from the data may overflow when multiplied.
        if (this.Shape.Length <= options.DecodedBytesInMemory / this.entries.Length)
        {
            this.decoded = this.DecodeAll(progress, cancellation);
            this.entries = [];
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

    /// <summary>Reads a folder or a tar archive, and decodes it on all processors if it fits in memory.</summary>
    /// <param name="path">The folder or archive.</param>
    /// <param name="codec">Decodes the images.</param>
    /// <param name="options">How to read, or null for the defaults.</param>
    /// <param name="progress">Receives 0 to 1; may be called from several threads.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <exception cref="FileNotFoundException">There is nothing at <paramref name="path"/>.</exception>
    /// <exception cref="InvalidDataException">
    /// No images, an image that cannot be decoded, images of several sizes without <see cref="ImageFolderOptions.Size"/>, or
    /// a damaged archive; the message names the file.
    /// </exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> asked for it.</exception>
    public static ImageFolderDataSet Open(
        string path,
        IImageCodec codec,
        ImageFolderOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(codec);
        options ??= new();
        options.Validate();
        cancellation.ThrowIfCancellationRequested();
        List<ImageEntry> entries = Directory.Exists(path) ? ListFolder(path, codec) : ReadArchive(path, codec, cancellation);
        return new(path, ImageFolderLayout.Of(path, entries), options, codec, progress, cancellation);
    }

    /// <inheritdoc/>
    public int Count(DataSplit split) => split == DataSplit.Train ? this.trainCount : this.labels.Length - this.trainCount;

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The image is decoded at this read, and cannot be.</exception>
    public int Read(DataSplit split, int index, Span<float> values)
    {
        SampleArguments.Check(this, split, index, values);
        int place = split == DataSplit.Train ? index : this.trainCount + index;
        if (this.decoded is not null)
        {
            ByteSamples.ToPixels(this.decoded[place], values);
        }
        else
        {
            byte[] bytes = new byte[this.Shape.Length];
            this.Decode(place, bytes);
            ByteSamples.ToPixels(bytes, values);
        }

        return this.labels[place];
    }

    private static List<ImageEntry> ListFolder(string path, IImageCodec codec)
    {
        EnumerationOptions walk = new() { RecurseSubdirectories = true, MaxRecursionDepth = DeepestFolder, IgnoreInaccessible = false };
        return
        [
            .. Directory.EnumerateFiles(path, "*", walk)
                .Where(file => codec.CanDecode(file))
                .Select(file => new ImageEntry(Path.GetRelativePath(path, file), file, null)),
        ];
    }

    private static List<ImageEntry> ReadArchive(string path, IImageCodec codec, CancellationToken cancellation)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no file or folder {path}.", path);
        }

        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        long left = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        List<ImageEntry> entries = [];
        foreach ((string name, byte[] bytes) in TarArchive.Read(stream, path, codec.CanDecode))
        {
            cancellation.ThrowIfCancellationRequested();
            left -= bytes.Length;
            if (left < 0)
            {
                throw new InvalidDataException($"{path}: its images take more memory than this machine has; unpack it to a folder.");
            }

            entries.Add(new(name, null, bytes));
        }

        return entries;
    }

    private ByteSamples DecodeAll(IProgress<double>? progress, CancellationToken cancellation)
    {
        ByteSamples samples = new(this.entries.Length, this.Shape.Length);
        samples.AddAll();
        int done = 0;
        try
        {
            Parallel.For(0, samples.Count, new ParallelOptions { CancellationToken = cancellation }, i =>
            {
                this.Decode(i, samples[i]);
                int count = Interlocked.Increment(ref done);
                if (count % 256 == 0 || count == samples.Count)
                {
                    progress?.Report((double)count / samples.Count);
                }
            });
        }
        catch (AggregateException faults)
        {
            ExceptionDispatchInfo.Throw(faults.InnerExceptions[0]);
        }

        return samples;
    }

    private void Decode(int place, Span<byte> target)
    {
        ImageEntry entry = this.entries[place].Entry;
        RawImage image = entry.Decode(this.codec);
        bool same = image.Width == this.Shape.Width && image.Height == this.Shape.Height;
        if (same && image.Channels == 3)
        {
            image.Pixels.CopyTo(target);
        }
        else if (same)
        {
            for (int i = 0; i < target.Length; i++)
            {
                target[i] = image.Pixels[i / 3];
            }
        }
        else if (this.resize)
        {
            SquareImage.CropAndResize(image, this.Shape.Width, target);
        }
        else
        {
            throw new InvalidDataException(
                $"{entry.Name}: is {image.Width}×{image.Height}, but the first image of {this.Name} is "
                + $"{this.Shape.Width}×{this.Shape.Height}; give a size (--size) to bring all to one.");
        }
    }
}
