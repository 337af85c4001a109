using System.Globalization;

namespace DimIlgpu.Model.Data;

/// <summary>Reads the names of classes from <c>classes.txt</c>: a name a line, or an index, a tab and a name.</summary>
internal static class ClassNames
{
    public const string FileName = "classes.txt";
    private const int LongestFile = 1 << 20;

    /// <summary>The names in <paramref name="folder"/>'s file, or 0 to count − 1 where there is none.</summary>
    /// <param name="folder">Where to look.</param>
    /// <param name="count">One more than the highest label.</param>
    /// <exception cref="InvalidDataException">The file names fewer classes than there are labels, or is no list of names.</exception>
    public static string[] Read(string folder, int count)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return [.. Enumerable.Range(0, count).Select(static label => label.ToString(CultureInfo.InvariantCulture))];
        }

        if (new FileInfo(path).Length > LongestFile)
        {
            throw new InvalidDataException($"{path}: is over {LongestFile} bytes, too long for a list of class names.");
        }

        List<string> names = [];
        foreach (string line in File.ReadLines(path).Select(static line => line.Trim()).Where(static line => line.Length > 0))
        {
            string[] parts = line.Split('\t', 2);
            if (parts.Length == 2 && parts[0] != names.Count.ToString(CultureInfo.InvariantCulture))
            {
                throw new InvalidDataException($"{path}: line '{parts[0]} {parts[1]}' is out of order, expected index {names.Count}.");
            }

            names.Add(parts[^1]);
        }

        return names.Count >= count
            ? [.. names]
            : throw new InvalidDataException($"{path}: names {names.Count} classes, but the labels reach {count - 1}.");
    }
}
