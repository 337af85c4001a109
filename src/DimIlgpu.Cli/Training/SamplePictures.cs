using DimIlgpu.Imaging;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Cli.Training;

/// <summary>Turns samples into labelled picture files.</summary>
internal static class SamplePictures
{
    /// <summary>Whether samples of that kind can be shown.</summary>
    public static bool CanShow(RunConfig config) => !config.IsLatent && config.Model.Sample.Channels is 1 or 3;

    /// <summary>Writes a grid, or of clips one that plays and a contact sheet; the picture's path, or null where nothing can be shown.</summary>
    public static string? WriteSheets(string pathWithoutExtension, TrainingSamples samples, RunConfig config)
    {
        if (!CanShow(config))
        {
            return null;
        }

        SampleSet set = Set(samples, config);
        SampleWriter.WriteSheet(pathWithoutExtension + ".png", set);
        if (samples.Shape.IsVideo)
        {
            SampleWriter.WriteSheet(pathWithoutExtension + ".webp", set);
            return pathWithoutExtension + ".webp";
        }

        return pathWithoutExtension + ".png";
    }

    /// <summary>Samples with the names of their classes.</summary>
    public static SampleSet Set(TrainingSamples samples, RunConfig config)
    {
        RawImage[][] images = SampleImages.ToImages(samples.Values.Span, samples.Shape, samples.Labels.Count);
        return new(images, [.. samples.Labels.Select(l => ClassName(config, l))]);
    }

    /// <summary>The name of a class, or "none".</summary>
    public static string ClassName(RunConfig config, int label) => label < config.Classes.Count ? config.Classes[label] : "none";

    /// <summary>The first samples of each class.</summary>
    public static TrainingSamples FirstOfEach(TrainingSamples samples, int each)
    {
        int length = samples.Shape.Length;
        int[] chosen = [.. samples.Labels.Index().GroupBy(s => s.Item).SelectMany(g => g.Take(each)).Select(s => s.Index)];
        float[] values = new float[chosen.Length * length];
        for (int i = 0; i < chosen.Length; i++)
        {
            samples.Values.Slice(chosen[i] * length, length).CopyTo(values.AsMemory(i * length));
        }

        return samples with { Values = values, Labels = [.. chosen.Select(i => samples.Labels[i])] };
    }
}
