using DimIlgpu.Imaging;
using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SampleImagesTests
{
    [Fact]
    public void Values_are_rounded_clipped_and_never_wrap()
    {
        float[] values = [-1, 1, 0, -2, 5, float.NaN, float.PositiveInfinity, float.NegativeInfinity];
        byte[] pixels = SampleImages.ToImages(values, new SampleShape(1, 2, 4, 1), 1)[0][0].Pixels;
        Assert.Equal([0, 255, 128, 0, 255, 0, 255, 0], pixels);
    }

    [Fact]
    public void Every_byte_survives_the_way_there_and_back()
    {
        float[] values = [.. Enumerable.Range(0, 256).Select(pixel => (pixel / 127.5f) - 1f)];
        byte[] pixels = SampleImages.ToImages(values, new SampleShape(1, 16, 16, 1), 1)[0][0].Pixels;
        Assert.Equal(Enumerable.Range(0, 256), pixels.Select(pixel => (int)pixel));
    }

    [Fact]
    public void Samples_and_frames_come_in_order()
    {
        SampleShape shape = new(2, 1, 2, 3);
        float[] values = [.. Enumerable.Range(0, 3 * shape.Length).Select(i => (i / 127.5f) - 1f)];
        RawImage[][] samples = SampleImages.ToImages(values, shape, 3);
        Assert.Equal(3, samples.Length);
        Assert.All(samples, sample => Assert.Equal(2, sample.Length));
        Assert.Equal([18, 19, 20, 21, 22, 23], samples[1][1].Pixels);
    }

    [Fact]
    public void Latents_and_wrong_lengths_are_refused()
    {
        Assert.Throws<ArgumentException>(() => SampleImages.ToImages(new float[4], new SampleShape(1, 1, 1, 4), 1));
        Assert.Throws<ArgumentException>(() => SampleImages.ToImages(new float[5], new SampleShape(1, 1, 1, 3), 2));
    }
}
