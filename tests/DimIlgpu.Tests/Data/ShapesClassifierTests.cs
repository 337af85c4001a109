using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class ShapesClassifierTests
{
    [Theory]
    [InlineData(16)]
    [InlineData(23)]
    [InlineData(32)]
    public void Names_real_images_rightly(int size)
    {
        ShapesDataSet data = new(new() { Size = size });
        float[] image = new float[data.Shape.Length];
        int right = 0;
        for (int i = 0; i < 1000; i++)
        {
            int label = data.Read(DataSplit.HeldOut, i, image);
            right += ShapesClassifier.Classify(image, size).Label == label ? 1 : 0;
        }

        Assert.InRange(right, 998, 1000);
    }

    [Fact]
    public void Sees_no_shape_where_there_is_none()
    {
        float[] image = new float[768];
        Assert.Equal(-1, ShapesClassifier.Classify(image, 16).Label);

        Random random = new(3);
        for (int trial = 0; trial < 200; trial++)
        {
            for (int i = 0; i < image.Length; i++)
            {
                image[i] = (float)((random.NextDouble() * 2) - 1);
            }

            Assert.Equal(-1, ShapesClassifier.Classify(image, 16).Label);
        }

        // A plain background, and one split into two halves, are no shapes either.
        for (int i = 0; i < image.Length; i++)
        {
            image[i] = i % 48 < 24 ? 0.8f : -0.8f;
        }

        Assert.Equal(-1, ShapesClassifier.Classify(image, 16).Label);
        Array.Fill(image, float.NaN);
        Assert.Equal(-1, ShapesClassifier.Classify(image, 16).Label);
    }

    [Fact]
    public void A_form_of_another_colour_is_none_of_the_classes()
    {
        float[] image = new float[768];
        CounterRandom random = new(1, 2, 3);
        ShapeBackground background = ShapeBackground.Draw(ref random);
        new ShapeScene(ShapeForm.Circle, 7, 8, 9, new(1, 1, 0), background).Draw(16, image);
        Assert.Equal(-1, ShapesClassifier.Classify(image, 16).Label);
    }

    [Fact]
    public void Colour_and_form_both_count()
    {
        // Exchanging red and blue turns a class into its blue twin: the label follows the pixels, nothing else.
        ShapesDataSet data = new();
        float[] image = new float[768];
        int label = data.Read(DataSplit.HeldOut, 1, image);
        Assert.Equal("red square", data.Classes[label]);
        for (int i = 0; i < image.Length; i += 3)
        {
            (image[i], image[i + 2]) = (image[i + 2], image[i]);
        }

        Assert.Equal("blue square", data.Classes[ShapesClassifier.Classify(image, 16).Label]);
    }

    [Fact]
    public void Bears_noise()
    {
        ShapesDataSet data = new();
        float[] image = new float[768];
        Random random = new(7);
        int right = 0;
        for (int i = 0; i < 300; i++)
        {
            int label = data.Read(DataSplit.HeldOut, i, image);
            for (int k = 0; k < image.Length; k++)
            {
                image[k] += (float)(random.NextDouble() - 0.5) * 0.4f;
            }

            right += ShapesClassifier.Classify(image, 16).Label == label ? 1 : 0;
        }

        Assert.InRange(right, 290, 300);
    }
}
