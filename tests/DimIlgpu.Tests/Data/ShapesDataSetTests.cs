using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class ShapesDataSetTests
{
    private const double GoldenSum = -1680.8564;

    private static IDataSet Create(string name, ShapesOptions options) =>
        name == "shapes" ? new ShapesDataSet(options) : new MovingShapesDataSet(options);

    [Theory]
    [InlineData("shapes")]
    [InlineData("moving-shapes")]
    public void A_sample_is_a_function_of_seed_split_and_index(string name)
    {
        IDataSet first = Create(name, new() { Seed = 5 });
        IDataSet again = Create(name, new() { Seed = 5, TrainCount = 100 });
        float[] a = new float[first.Shape.Length];
        float[] b = new float[first.Shape.Length];
        foreach (int index in new[] { 99, 0, 42 })
        {
            Assert.Equal(first.Read(DataSplit.Train, index, a), again.Read(DataSplit.Train, index, b));
            Assert.Equal(a, b);
        }

        first.Read(DataSplit.HeldOut, 42, b);
        Assert.NotEqual(a, b);
        Create(name, new() { Seed = 6 }).Read(DataSplit.Train, 42, b);
        Assert.NotEqual(a, b);
    }

    [Fact]
    public void The_generator_never_changes()
    {
        // Trained models and their figures refer to these images: a new generator needs a new name.
        float[] values = new float[16 * 16 * 3];
        new ShapesDataSet().Read(DataSplit.Train, 12_345, values);
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            sum += values[i] * ((i % 7) + 1);
        }

        Assert.Equal(GoldenSum, sum, 1e-2);
    }

    [Theory]
    [InlineData("shapes", 16)]
    [InlineData("shapes", 32)]
    [InlineData("moving-shapes", 16)]
    [InlineData("moving-shapes", 32)]
    public void Values_are_pixels_and_classes_are_balanced(string name, int size)
    {
        IDataSet data = Create(name, new() { Size = size });
        float[] values = new float[data.Shape.Length];
        int[] seen = new int[data.Classes.Count];
        for (int i = 0; i < 36; i++)
        {
            seen[data.Read(DataSplit.HeldOut, i, values)]++;
            Assert.All(values, static value => Assert.InRange(value, -1, 1));
        }

        Assert.All(seen, count => Assert.Equal(36 / seen.Length, count));
        Assert.Equal(50_000, data.Count(DataSplit.Train));
        Assert.Equal(5_000, data.Count(DataSplit.HeldOut));
    }

    [Fact]
    public void Moving_shapes_move_as_their_class_says()
    {
        MovingShapesDataSet data = new();
        float[] clip = new float[data.Shape.Length];
        for (int i = 0; i < 240; i++)
        {
            int label = data.Read(DataSplit.Train, i, clip);
            (double x0, double y0) = Centroid(clip.AsSpan(0, 768));
            (double x1, double y1) = Centroid(clip.AsSpan(7 * 768, 768));
            string motion = data.Classes[label].Split(' ')[1];
            string seen = Math.Abs(x1 - x0) > Math.Abs(y1 - y0) ? (x1 < x0 ? "left" : "right") : (y1 < y0 ? "up" : "down");
            Assert.Equal(motion, seen);
        }

        // Of what differs strongly from the mean of the four corners, which no centred way covers all at once.
        static (double X, double Y) Centroid(ReadOnlySpan<float> frame)
        {
            Span<float> background = stackalloc float[3];
            for (int c = 0; c < 3; c++)
            {
                float[] corners = [frame[c], frame[45 + c], frame[720 + c], frame[765 + c]];
                Array.Sort(corners);
                background[c] = (corners[1] + corners[2]) / 2;
            }

            double sum = 0, sumX = 0, sumY = 0;
            for (int i = 0; i < 256; i++)
            {
                double far = 0;
                for (int c = 0; c < 3; c++)
                {
                    far += Math.Abs(frame[(3 * i) + c] - background[c]);
                }

                far = Math.Max(0, far - 0.4);
                (sum, sumX, sumY) = (sum + far, sumX + (far * (i % 16)), sumY + (far * (i / 16)));
            }

            return (sumX / sum, sumY / sum);
        }
    }

    [Fact]
    public void Impossible_options_and_indices_are_refused()
    {
        Assert.Contains("16 to 32", Assert.Throws<ArgumentException>(() => new ShapesDataSet(new() { Size = 64 })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new MovingShapesDataSet(new() { TrainCount = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ShapesDataSet().Read(DataSplit.Train, 50_000, new float[768]));
        Assert.Throws<ArgumentException>(() => new ShapesDataSet().Read(DataSplit.Train, 0, new float[767]));
    }
}
