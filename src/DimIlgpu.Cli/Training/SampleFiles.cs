using System.Globalization;
using DimIlgpu.Imaging;
using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Training;
using DimIlgpu.Model.Weights;

namespace DimIlgpu.Cli.Training;

/// <summary>Writes what was drawn to a folder, or its grid to one file.</summary>
internal sealed class SampleFiles
{
    private readonly string path;
    private readonly bool isFile;

    /// <summary>Checks where to write before anything is drawn.</summary>
    /// <exception cref="UsageException">A file of that ending cannot be written.</exception>
    public SampleFiles(string path, RunConfig config)
    {
        string ending = Path.GetExtension(path).ToLowerInvariant();
        (this.path, this.isFile) = (path, ending is ".png" or ".webp" && !Directory.Exists(path));
        if (this.isFile && ending == ".webp" && !config.Model.Sample.IsVideo)
        {
            throw new UsageException($"--out is {path}; a grid of images is written as .png.");
        }

        string folder = this.isFile ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
        if (File.Exists(folder))
        {
            throw new UsageException($"--out is {path}; there is a file where the folder should be.");
        }

        _ = Directory.CreateDirectory(folder);
    }

    /// <summary>Writes samples and, if there are any, the steps by which they came about.</summary>
    public IReadOnlyList<string> Write(IReadOnlyList<GeneratedSample> finished, IReadOnlyList<GeneratedSample> unfinished)
    {
        if (finished.Count == 0)
        {
            return [];
        }

        SampleSet set = new([.. finished.Select(s => s.Frames)], [.. finished.Select(s => s.ClassName)]);
        if (this.isFile)
        {
            SampleWriter.WriteSheet(this.path, set);
        }

        List<string> written = this.isFile ? [this.path] : [.. SampleWriter.WriteAll(this.path, set)];
        if (unfinished.Count > 0)
        {
            string steps = this.isFile ? Path.ChangeExtension(this.path, null) + "-steps.png" : Path.Combine(this.path, "steps.png");
            WriteSteps(steps, finished, unfinished);
            written.Insert(1, steps);
        }

        return written;
    }

    /// <summary>A row for each sample: what the network expected after each shown step, then the sample; of clips the middle frame.</summary>
    private static void WriteSteps(string path, IReadOnlyList<GeneratedSample> finished, IReadOnlyList<GeneratedSample> unfinished)
    {
        ILookup<int, GeneratedSample> before = unfinished.ToLookup(s => s.Index);
        List<RawImage> images = [];
        foreach (GeneratedSample sample in finished)
        {
            images.AddRange(before[sample.Index].OrderBy(s => s.Step).Append(sample).Select(s => s.Frames[s.Frames.Count / 2]));
        }

        int[] shown = [.. before[finished[0].Index].Append(finished[0]).Select(s => s.Step).Order()];
        RawImage strip = Grid.Compose(images, new()
        {
            Columns = shown.Length,
            RowLabels = [.. finished.Select(s => s.ClassName)],
            ColumnLabels = [.. shown.Select(s => s.ToString(CultureInfo.InvariantCulture))],
        });
        AtomicFile.Write(path, stream => SkiaImageCodec.EncodePng(strip, stream));
    }
}
