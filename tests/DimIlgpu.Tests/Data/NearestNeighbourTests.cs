using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class NearestNeighbourTests
{
    [Fact]
    public void Finds_copies_and_agrees_with_a_plain_search()
    {
        ShapesDataSet data = new(new() { TrainCount = 150, HeldOutCount = 20, Size = 17 });
        float[] copy = new float[data.Shape.Length];
        data.Read(DataSplit.Train, 77, copy);
        float[] shifted = [.. copy.Select(static value => value + 0.01f)];
        NearestNeighbourReport report = NearestNeighbour.Measure(
            [copy, shifted], data, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(new(77, 0), report.Generated[0]);
        Assert.Equal(77, report.Generated[1].Index);
        Assert.Equal(0.01f, report.Generated[1].Distance, 1e-5f);
        Assert.Equal(20, report.HeldOut.Count);

        float[] heldOut = new float[copy.Length];
        data.Read(DataSplit.HeldOut, 3, heldOut);
        (double distance, int index) = Enumerable.Range(0, 150).Select(i =>
        {
            data.Read(DataSplit.Train, i, copy);
            return (Math.Sqrt(copy.Zip(heldOut, static (a, b) => Math.Pow(a - b, 2)).Average()), i);
        }).Min();
        Assert.Equal(index, report.HeldOut[3].Index);
        Assert.Equal(distance, report.HeldOut[3].Distance, 1e-5);
        Assert.True(report.HeldOutSummary.Median > 5 * report.GeneratedSummary.Maximum);
    }

    [Fact]
    public void Summaries_interpolate_and_are_nan_where_nothing_is()
    {
        DistanceSummary summary = DistanceSummary.Of([new(0, 4), new(0, 1), new(0, 2), new(0, 3)]);
        Assert.Equal(new(1, 1.75f, 2.5f, 3.25f, 4), summary);
        Assert.Equal(float.NaN, DistanceSummary.Of([]).Median);
    }

    [Fact]
    public void Refuses_samples_of_another_shape_and_can_be_cancelled()
    {
        ShapesDataSet data = new();
        Assert.Throws<ArgumentException>(() => NearestNeighbour.Measure([new float[5]], data, cancellation: TestContext.Current.CancellationToken));
        Assert.ThrowsAny<OperationCanceledException>(() => NearestNeighbour.Measure([new float[768]], data, cancellation: new(true)));
    }
}
