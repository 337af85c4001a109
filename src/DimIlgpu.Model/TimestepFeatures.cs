namespace DimIlgpu.Model;

/// <summary>The sinusoids by which the network sees the time.</summary>
/// <remarks>
/// <para>features[b] = [cos(t_b·f_0), …, cos(t_b·f_{n−1}), sin(t_b·f_0), …, sin(t_b·f_{n−1})], f_i = 10000^(−i/n), n half the width.</para>
/// <para>
/// Computed on the host in double precision: a few kilobytes a step, and t·f reaches 1000 radians, where the
/// approximate sine of a GPU loses most of its digits.
/// </para>
/// </remarks>
public static class TimestepFeatures
{
    /// <summary>The usual number of features.</summary>
    public const int DefaultWidth = 256;

    private const double Period = 10_000;

    /// <summary>Writes the features of each time.</summary>
    /// <param name="times">t, in steps of the training schedule; fractions are allowed.</param>
    /// <param name="features">Receives (times, width), row after row.</param>
    /// <param name="width">Features per time, even.</param>
    /// <exception cref="ArgumentException">The width is odd, or the lengths do not match.</exception>
    public static void Write(ReadOnlySpan<float> times, Span<float> features, int width = DefaultWidth)
    {
        if (width < 2 || width % 2 != 0)
        {
            throw new ArgumentException($"'width' is {width}; expected a positive even number.", nameof(width));
        }

        if (features.Length != (long)times.Length * width)
        {
            throw new ArgumentException(
                $"'features' has {features.Length} values; expected {(long)times.Length * width} for {times.Length} times.", nameof(features));
        }

        int half = width / 2;
        for (int i = 0; i < half; i++)
        {
            double frequency = Math.Pow(Period, -(double)i / half);
            for (int b = 0; b < times.Length; b++)
            {
                (double sin, double cos) = Math.SinCos(times[b] * frequency);
                features[(b * width) + i] = (float)cos;
                features[(b * width) + half + i] = (float)sin;
            }
        }
    }
}
