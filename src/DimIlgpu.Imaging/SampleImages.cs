using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>Turns what a model samples into pictures.</summary>
public static class SampleImages
{
    /// <summary>Converts samples in [−1, 1] to bytes, rounding to nearest and clipping what lies outside.</summary>
    /// <remarks>A value that is not a number becomes 0, so that a diverged model shows as black.</remarks>
    /// <param name="values">The samples one after another, each (frame, row, column, channel).</param>
    /// <param name="shape">The shape of each; 1 channel or 3.</param>
    /// <param name="count">How many there are.</param>
    /// <returns>The images by sample, then frame.</returns>
    public static RawImage[][] ToImages(ReadOnlySpan<float> values, SampleShape shape, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (shape.Frames < 1 || shape.Height < 1 || shape.Width < 1 || shape.Channels is not (1 or 3))
        {
            throw new ArgumentException(
                $"Samples are {shape}; only 1 channel (grey) or 3 (RGB) can be shown, so latents are decoded first.", nameof(shape));
        }

        long expected = (long)shape.Length * count;
        if (values.Length != expected)
        {
            throw new ArgumentException(
                $"There are {values.Length} values; {count} samples of {shape} have {expected}.", nameof(values));
        }

        int frameLength = shape.Length / shape.Frames;
        RawImage[][] samples = new RawImage[count][];
        for (int sample = 0; sample < count; sample++)
        {
            samples[sample] = new RawImage[shape.Frames];
            for (int frame = 0; frame < shape.Frames; frame++)
            {
                int start = (sample * shape.Length) + (frame * frameLength);
                byte[] pixels = ToBytes(values.Slice(start, frameLength));
                samples[sample][frame] = new RawImage(shape.Width, shape.Height, shape.Channels, pixels);
            }
        }

        return samples;
    }

    private static byte[] ToBytes(ReadOnlySpan<float> values)
    {
        byte[] pixels = new byte[values.Length];
        for (int i = 0; i < pixels.Length; i++)
        {
            // The inverse of p / 127.5 − 1; the conversion to byte takes a NaN to 0.
            pixels[i] = (byte)Math.Clamp(MathF.Round((values[i] + 1f) * 127.5f), 0f, 255f);
        }

        return pixels;
    }
}
