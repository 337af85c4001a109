namespace DimIlgpu.Model.Data;

/// <summary>One image file: in a folder (a path) or out of an archive (its bytes).</summary>
internal sealed record ImageEntry(string Name, string? Path, byte[]? Bytes)
{
    public RawImage Decode(IImageCodec codec)
    {
        if (this.Bytes is not null)
        {
            return Check(codec.Decode(this.Bytes, this.Name), this.Name);
        }

        long length = new FileInfo(this.Path!).Length;
        return length <= TarArchive.LongestEntry
            ? Check(codec.Decode(File.ReadAllBytes(this.Path!), this.Path!), this.Path!)
            : throw new InvalidDataException($"{this.Path}: is {length} bytes long, more than the {TarArchive.LongestEntry} allowed for an image.");
    }

    private static RawImage Check(RawImage image, string name) =>
        image is { Width: > 0, Height: > 0, Channels: 1 or 3 }
        && image.Pixels.Length == (long)image.Width * image.Height * image.Channels
            ? image
            : throw new InvalidDataException($"{name}: was decoded to {image.Width}×{image.Height}×{image.Channels} in {image.Pixels.Length} bytes.");
}

/// <summary>Where an image belongs, by its path: its part and its class.</summary>
internal sealed record ImageFolderLayout(IReadOnlyList<string> Classes, IReadOnlyList<(ImageEntry Entry, int Label)> Train, IReadOnlyList<(ImageEntry Entry, int Label)> HeldOut)
{
    private static readonly string[] HeldOutFolders = ["test", "val", "valid", "validation", "heldout"];

    /// <summary>Sorts entries named CLASS/…/file, or train/CLASS/…/file and test/CLASS/…/file, also below one common folder.</summary>
    /// <exception cref="InvalidDataException">No image lies in a class folder.</exception>
    public static ImageFolderLayout Of(string path, IEnumerable<ImageEntry> entries)
    {
        List<(string[] Parts, ImageEntry Entry)> files =
            [.. entries.Select(static entry => (Parts(entry.Name), entry)).OrderBy(static file => file.entry.Name, StringComparer.Ordinal)];
        if (files.Count > 0 && files.TrueForAll(file => file.Parts.Length > 2 && file.Parts[0] == files[0].Parts[0]) && !IsTrain(files[0].Parts))
        {
            files = [.. files.Select(static file => (file.Parts[1..], file.Entry))];
        }

        // The first kind of held-out folder there is: "test" before "val", so that tuning on val stays possible.
        bool parted = files.Exists(static file => IsTrain(file.Parts));
        string? heldOutFolder = Array.Find(HeldOutFolders, folder => files.Exists(file => Is(file.Parts, folder)));
        List<(string Class, ImageEntry Entry)> train = [];
        List<(string Class, ImageEntry Entry)> heldOut = [];
        foreach ((string[] parts, ImageEntry entry) in files)
        {
            if (!parted && parts.Length > 1)
            {
                train.Add((parts[0], entry));
            }
            else if (parted && IsTrain(parts))
            {
                train.Add((parts[1], entry));
            }
            else if (parted && heldOutFolder is not null && Is(parts, heldOutFolder))
            {
                heldOut.Add((parts[1], entry));
            }
        }

        if (train.Count == 0)
        {
            throw new InvalidDataException($"{path}: holds no class folders with images.");
        }

        if (heldOut.Count == 0)
        {
            (train, heldOut) = PartEachClass(train);
        }

        List<string> classes = [.. train.Concat(heldOut).Select(static file => file.Class).Distinct().Order(StringComparer.Ordinal)];
        Dictionary<string, int> labels = classes.Select(static (name, label) => (name, label)).ToDictionary(static c => c.name, static c => c.label);
        return new(
            classes,
            [.. train.Select(file => (file.Entry, labels[file.Class]))],
            [.. heldOut.Select(file => (file.Entry, labels[file.Class]))]);
    }

    private static string[] Parts(string name) =>
        [.. name.Replace('\\', '/').Split('/', StringSplitOptions.RemoveEmptyEntries).Where(static part => part != ".")];

    private static bool IsTrain(string[] parts) => Is(parts, "train") || Is(parts, "training");

    private static bool Is(string[] parts, string folder) =>
        parts.Length > 2 && parts[0].Equals(folder, StringComparison.OrdinalIgnoreCase);

    private static (List<(string, ImageEntry)> Train, List<(string, ImageEntry)> HeldOut) PartEachClass(List<(string Class, ImageEntry Entry)> files)
    {
        List<(string, ImageEntry)> train = [];
        List<(string, ImageEntry)> heldOut = [];
        foreach (IGrouping<string, (string Class, ImageEntry Entry)> group in files.GroupBy(static file => file.Class))
        {
            (string, ImageEntry)[] all = [.. group];
            (int[] kept, int[] held) = HoldOut.Split(all.Length, 1);
            train.AddRange(kept.Select(i => all[i]));
            heldOut.AddRange(held.Select(i => all[i]));
        }

        return (train, heldOut);
    }
}
