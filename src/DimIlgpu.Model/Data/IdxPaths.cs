using System.Text.RegularExpressions;

namespace DimIlgpu.Model.Data;

/// <summary>Which idx files belong together, by their names.</summary>
internal sealed partial record IdxPaths(string Images, string? Labels, string? HeldOutImages, string? HeldOutLabels)
{
    private static readonly string[] HeldOutPrefixes = ["t10k", "test", "val", "heldout"];

    /// <exception cref="FileNotFoundException">Nothing is there, or no images file.</exception>
    /// <exception cref="InvalidDataException">Several images files are there and none is named <c>train…</c>.</exception>
    public static IdxPaths Find(string path)
    {
        if (File.Exists(path))
        {
            return new(path, FindLabels(path), null, null);
        }

        if (!Directory.Exists(path))
        {
            throw new FileNotFoundException($"There is no file or folder {path}.", path);
        }

        string[] images = ImageFiles(path);
        if (images.Length == 0)
        {
            throw new FileNotFoundException($"{path}: holds no idx images file (…idx3…, …idx4… or …idx5…).", path);
        }

        string? train = Array.Find(images, static file => Path.GetFileName(file).StartsWith("train", StringComparison.OrdinalIgnoreCase));
        string? heldOut = Array.Find(images, static file =>
            HeldOutPrefixes.Any(prefix => Path.GetFileName(file).StartsWith(prefix, StringComparison.OrdinalIgnoreCase)));
        train ??= images.Length == 1
            ? images[0]
            : throw new InvalidDataException(
                $"{path}: holds {images.Length} idx images files and none is named train…; name one of them instead of the folder.");
        heldOut = heldOut == train ? null : heldOut;
        return new(train, FindLabels(train), heldOut, heldOut is null ? null : FindLabels(heldOut));
    }

    /// <summary>The images files of a folder, by name.</summary>
    public static string[] ImageFiles(string folder) =>
        [.. Directory.EnumerateFiles(folder).Where(static file => ImageName().IsMatch(Path.GetFileName(file))).Order(StringComparer.Ordinal)];

    private static string? FindLabels(string images)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(images))!;
        string stem = Stem().Replace(Path.GetFileName(images), string.Empty);

        // From "train-images" to "train-labels"; from "sprites-64" to "sprites-64-labels"; else plain "labels".
        string[] stems = [stem.Replace("images", "labels", StringComparison.OrdinalIgnoreCase), $"{stem}-labels", "labels"];
        string[] files = [.. Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal)];
        foreach (string wanted in stems.Where(wanted => wanted != stem))
        {
            string? found = Array.Find(files, file =>
                LabelName().Match(Path.GetFileName(file)) is { Success: true } match && match.Groups["stem"].Value == wanted);
            if (found is not null)
            {
                return found;
            }
        }

        return null;
    }

    [GeneratedRegex(@"idx[345](-ubyte)?(\.gz)?$", RegexOptions.IgnoreCase)]
    private static partial Regex ImageName();

    [GeneratedRegex(@"^(?<stem>.*labels)[-.]idx[12](-ubyte)?(\.gz)?$", RegexOptions.IgnoreCase)]
    private static partial Regex LabelName();

    [GeneratedRegex(@"[-.]?idx[345](-ubyte)?(\.gz)?$", RegexOptions.IgnoreCase)]
    private static partial Regex Stem();
}
