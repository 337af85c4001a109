using System.Globalization;
using System.Text;
using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>Writes samples as files that any viewer shows. Each file is written whole or not at all.</summary>
public static class SampleWriter
{
    private const int LongestLabel = 48;

    /// <summary>Writes all samples as one picture.</summary>
    /// <param name="path">
    /// A <c>.png</c>, which is a grid of images or a contact sheet of clips;
    /// or, of clips, a <c>.webp</c> in which all play together.
    /// </param>
    /// <param name="set">The samples.</param>
    /// <exception cref="IOException">The file could not be written; the message names it.</exception>
    public static void WriteSheet(string path, SampleSet set)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        bool video = SampleSheet.Require(set) > 1;
        switch (Path.GetExtension(path).ToUpperInvariant())
        {
            case ".PNG" when video:
                WritePng(path, ContactSheet.Compose(set.Samples, set.Labels, set.Scale));
                break;
            case ".PNG":
                WritePng(path, SampleSheet.ComposeFrames(set)[0]);
                break;
            case ".WEBP" when video:
                WriteWebP(path, SampleSheet.ComposeFrames(set), set.FramesPerSecond);
                break;
            default:
                string endings = video ? ".webp (playing) or .png (a contact sheet)" : ".png";
                throw new ArgumentException($"{path} does not end in {endings}.", nameof(path));
        }
    }

    /// <summary>Writes each sample as its own file, pixel for pixel: <c>000-red-circle.png</c>, of clips <c>.webp</c>.</summary>
    /// <param name="folder">Where to; made where it is missing. Files of the same names are replaced.</param>
    /// <param name="set">The samples.</param>
    /// <returns>The paths that were written, in order.</returns>
    /// <exception cref="IOException">A file could not be written; the message names it.</exception>
    public static IReadOnlyList<string> WriteEach(string folder, SampleSet set)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        bool video = SampleSheet.Require(set) > 1;
        List<string> written = [];
        for (int i = 0; i < set.Samples.Count; i++)
        {
            string path = Path.Combine(folder, FileName(i, set.Labels?[i]) + (video ? ".webp" : ".png"));
            if (video)
            {
                WriteWebP(path, set.Samples[i], set.FramesPerSecond);
            }
            else
            {
                WritePng(path, set.Samples[i][0]);
            }

            written.Add(path);
        }

        return written;
    }

    /// <summary>
    /// Writes everything: <c>grid.png</c> of images, <c>grid.webp</c> and <c>contact-sheet.png</c> of clips,
    /// and each sample as its own file.
    /// </summary>
    /// <param name="folder">Where to; made where it is missing. Files of the same names are replaced.</param>
    /// <param name="set">The samples.</param>
    /// <returns>The paths that were written, sheets first.</returns>
    /// <exception cref="IOException">A file could not be written; the message names it.</exception>
    public static IReadOnlyList<string> WriteAll(string folder, SampleSet set)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        bool video = SampleSheet.Require(set) > 1;
        string[] sheets = video ? ["grid.webp", "contact-sheet.png"] : ["grid.png"];
        List<string> written = [.. sheets.Select(sheet => Path.Combine(folder, sheet))];
        foreach (string sheet in written)
        {
            WriteSheet(sheet, set);
        }

        written.AddRange(WriteEach(folder, set));
        return written;
    }

    private static void WritePng(string path, RawImage image) =>
        OutputFile.Write(path, stream => SkiaImageCodec.EncodePng(image, stream));

    private static void WriteWebP(string path, IReadOnlyList<RawImage> frames, int framesPerSecond) =>
        OutputFile.Write(path, stream => SkiaImageCodec.EncodeAnimatedWebP(frames, framesPerSecond, stream));

    /// <summary>A label comes from a data set, so nothing of it but letters and digits reaches a path.</summary>
    private static string FileName(int index, string? label)
    {
        StringBuilder name = new(index.ToString("D3", CultureInfo.InvariantCulture));
        bool pending = true;
        foreach (char letter in (label ?? string.Empty).Take(LongestLabel))
        {
            if (!char.IsLetterOrDigit(letter))
            {
                pending = true;
                continue;
            }

            if (pending)
            {
                name.Append('-');
                pending = false;
            }

            name.Append(char.ToLowerInvariant(letter));
        }

        return name.ToString();
    }
}
