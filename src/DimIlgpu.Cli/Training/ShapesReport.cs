using System.Globalization;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Training;
using Spectre.Console;
using DimIlgpu.Cli.Screens;

namespace DimIlgpu.Cli.Training;

/// <summary>Quartiles of the distances to the nearest training image.</summary>
internal sealed record Distances(double LowerQuartile, double Median, double UpperQuartile)
{
    public static Distances Of(DistanceSummary summary) => new(summary.LowerQuartile, summary.Median, summary.UpperQuartile);

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{this.Median:0.000}  ({this.LowerQuartile:0.000} to {this.UpperQuartile:0.000})");
}

/// <summary>How good and how new generated shapes are, beside held-out ones.</summary>
/// <param name="Samples">Generated images measured.</param>
/// <param name="SamplesOfAskedClass">How many of them the analytic classifier takes for the class that was asked for.</param>
/// <param name="HeldOut">Held-out images measured.</param>
/// <param name="HeldOutOfTheirClass">How many of those it takes for their class.</param>
/// <param name="SamplesToTraining">Distances of generated images to the nearest training image.</param>
/// <param name="HeldOutToTraining">Distances of held-out images to the nearest training image.</param>
internal sealed record ShapesReport(
    int Samples, int SamplesOfAskedClass, int HeldOut, int HeldOutOfTheirClass, Distances SamplesToTraining, Distances HeldOutToTraining)
{
    private const int HeldOutImages = 1000;

    public double SamplesOfAskedClassPercent => 100.0 * this.SamplesOfAskedClass / this.Samples;

    public double HeldOutOfTheirClassPercent => 100.0 * this.HeldOutOfTheirClass / this.HeldOut;

    /// <summary>Measures.</summary>
    public static ShapesReport Measure(TrainingSamples samples, IDataSet data, IProgress<double> progress, CancellationToken cancellation)
    {
        int length = samples.Shape.Length, size = samples.Shape.Width;
        int right = samples.Labels.Index().Count(s =>
            ShapesClassifier.Classify(samples.Values.Span.Slice(s.Index * length, length), size).Label == s.Item);
        int held = Math.Min(HeldOutImages, data.Count(DataSplit.HeldOut)), heldRight = 0;
        float[] image = new float[length];
        for (int i = 0; i < held; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            int label = data.Read(DataSplit.HeldOut, i, image);
            heldRight += ShapesClassifier.Classify(image, size).Label == label ? 1 : 0;
        }

        NearestNeighbourReport near = NearestNeighbour.Measure(
            Rows(samples), data, new() { HeldOutImages = held }, progress, cancellation);
        return new(samples.Labels.Count, right, held, heldRight, Distances.Of(near.GeneratedSummary), Distances.Of(near.HeldOutSummary));
    }

    /// <summary>Adds its rows to a table.</summary>
    public void AddTo(Table table, double guidance)
    {
        table.AddRow("generated as asked", string.Create(
            CultureInfo.InvariantCulture, $"{Format.Percent((double)this.SamplesOfAskedClass / this.Samples)} of {this.Samples} (guidance {guidance})"));
        table.AddRow("held-out as labelled", string.Create(
            CultureInfo.InvariantCulture, $"{Format.Percent((double)this.HeldOutOfTheirClass / this.HeldOut)} of {this.HeldOut}"));
        table.AddRow("generated to nearest training image", $"{this.SamplesToTraining}");
        table.AddRow("held-out to nearest training image", $"{this.HeldOutToTraining}");
    }

    private static float[][] Rows(TrainingSamples samples) =>
        [.. Enumerable.Range(0, samples.Labels.Count).Select(i => samples.Values.Slice(i * samples.Shape.Length, samples.Shape.Length).ToArray())];
}
