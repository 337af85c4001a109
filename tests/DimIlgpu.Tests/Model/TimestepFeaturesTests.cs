using DimIlgpu.Model;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class TimestepFeaturesTests
{
    [Fact]
    public void They_are_the_rounded_cosines_and_sines_even_at_a_thousand_radians()
    {
        float[] times = [0, 0.5f, 17.25f, 999, 1000];
        float[] features = new float[times.Length * 256];
        TimestepFeatures.Write(times, features);
        for (int b = 0; b < times.Length; b++)
        {
            for (int i = 0; i < 128; i++)
            {
                double angle = times[b] * Math.Exp(-Math.Log(10_000) * i / 128);
                Assert.Equal(Math.Cos(angle), features[(b * 256) + i], 1e-7);
                Assert.Equal(Math.Sin(angle), features[(b * 256) + 128 + i], 1e-7);
            }
        }
    }

    [Fact]
    public void Known_values_stand_where_they_should()
    {
        float[] features = new float[8];
        TimestepFeatures.Write([1000f, 0f], features, width: 4);
        // sin and cos of 1000 and of 1000 · 10000^(−1/2) = 10 radians.
        Assert.Equal([0.5623791f, -0.8390715f, 0.8268795f, -0.5440211f, 1, 1, 0, 0], features, (a, b) => Math.Abs(a - b) < 1e-6f);
    }

    [Fact]
    public void Wrong_lengths_are_named()
    {
        Assert.Equal("width", Assert.Throws<ArgumentException>(() => TimestepFeatures.Write([1f], new float[3], 3)).ParamName);
        Assert.Equal("features", Assert.Throws<ArgumentException>(() => TimestepFeatures.Write([1f], new float[3], 4)).ParamName);
    }
}
