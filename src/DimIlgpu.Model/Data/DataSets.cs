namespace DimIlgpu.Model.Data;

/// <summary>What can be chosen about a data set of any kind; what a kind has no use for is an error or without effect, as said.</summary>
public sealed record DataSetOptions
{
    /// <summary>Side of the images in pixels, or null for the data's own (16 for the procedural sets). Latents keep their size.</summary>
    public int? Size { get; init; }

    /// <summary>The seed of the procedural sets.</summary>
    public ulong Seed { get; init; }

    /// <summary>Training samples of the procedural sets.</summary>
    public int TrainCount { get; init; } = 50_000;

    /// <summary>Held-out samples of the procedural sets.</summary>
    public int HeldOutCount { get; init; } = 5_000;

    /// <summary>Consecutive samples of idx and latent files that are held out together, or null for the file's own.</summary>
    public int? GroupSize { get; init; }

    /// <summary>Whether samples of files may be mirrored, or null for the kind's own: yes for image folders, no for idx and latents.</summary>
    public bool? AllowsHorizontalFlip { get; init; }
}

/// <summary>Opens any data set by one name.</summary>
public static class DataSets
{
    /// <summary>What <see cref="Open"/> accepts, in a sentence for people.</summary>
    public const string Accepted =
        "expected \"shapes\", \"moving-shapes\", a folder of class folders of images (also as .tar, .tar.gz or .tgz), "
        + "idx files (MNIST style, plain or gz) or their folder, or a .safetensors file of latents";

    /// <summary>Opens a procedural set by its name, or a file or folder by its ending and content.</summary>
    /// <param name="nameOrPath"><c>shapes</c>, <c>moving-shapes</c>, or a path.</param>
    /// <param name="options">What to choose, or null for the defaults.</param>
    /// <param name="codec">Decodes image files.</param>
    /// <param name="progress">Receives 0 to 1 while files are read; may be called from several threads.</param>
    /// <param name="cancellation">Stops the reading.</param>
    /// <exception cref="FileNotFoundException">It is neither a name nor there; the message lists what is accepted.</exception>
    /// <exception cref="InvalidDataException">It is there, and not to be read; the message names the file and the fault.</exception>
    /// <exception cref="ArgumentException">An option has a value it cannot have.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> asked for it.</exception>
    public static IDataSet Open(
        string nameOrPath,
        DataSetOptions? options,
        IImageCodec codec,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(nameOrPath);
        ArgumentNullException.ThrowIfNull(codec);
        options ??= new();
        switch (nameOrPath)
        {
            case "shapes":
                return new ShapesDataSet(Procedural(options));
            case "moving-shapes":
                return new MovingShapesDataSet(Procedural(options));
        }

        return Kind(nameOrPath) switch
        {
            (DataKind.Idx, string path) => IdxDataSet.Open(path, Idx(options), progress, cancellation),
            (DataKind.Latents, string path) => new LatentDataSet(path, options.GroupSize ?? 1, options.AllowsHorizontalFlip ?? false),
            (_, string path) => ImageFolderDataSet.Open(path, codec, Images(options), progress, cancellation),
        };
    }

    private static (DataKind Kind, string Path) Kind(string path)
    {
        if (File.Exists(path))
        {
            return HasEnding(path, ".safetensors") ? (DataKind.Latents, path)
                : IsArchive(path) ? (DataKind.Images, path)
                : IdxFile.IsIdx(path) ? (DataKind.Idx, path)
                : throw new InvalidDataException($"{path}: is not a data file that can be read; {Accepted}.");
        }

        if (!Directory.Exists(path))
        {
            throw new FileNotFoundException($"There is no data set, file or folder named '{path}'; {Accepted}.", path);
        }

        if (IdxPaths.ImageFiles(path).Length > 0)
        {
            return (DataKind.Idx, path);
        }

        // A folder around a single file means that file, as downloads often come.
        string[] files = [.. Directory.EnumerateFiles(path).Where(static file => HasEnding(file, ".safetensors") || IsArchive(file))];
        return files.Length == 1 && !Directory.EnumerateDirectories(path).Any() ? Kind(files[0]) : (DataKind.Images, path);
    }

    private static bool HasEnding(string path, string ending) => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase);

    private static bool IsArchive(string path) => HasEnding(path, ".tar") || HasEnding(path, ".tar.gz") || HasEnding(path, ".tgz");

    private static ShapesOptions Procedural(DataSetOptions options) => new()
    {
        Size = options.Size ?? 16,
        Seed = options.Seed,
        TrainCount = options.TrainCount,
        HeldOutCount = options.HeldOutCount,
    };

    private static IdxOptions Idx(DataSetOptions options) => new()
    {
        Size = options.Size,
        GroupSize = options.GroupSize,
        AllowsHorizontalFlip = options.AllowsHorizontalFlip ?? false,
    };

    private static ImageFolderOptions Images(DataSetOptions options) => new()
    {
        Size = options.Size,
        AllowsHorizontalFlip = options.AllowsHorizontalFlip ?? true,
    };

    private enum DataKind
    {
        Idx,
        Latents,
        Images,
    }
}
