using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

internal static class Data
{
    /// <summary>Values of single precision in [−1, 1), the same for a seed in every run.</summary>
    public static double[] Random(int seed, int length)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (double)(float)((2 * random.NextDouble()) - 1))];
    }

    /// <summary>Standard normal values of single precision, the same for a seed in every run.</summary>
    public static double[] Normal(int seed, int length)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (double)(float)(
            Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    /// <summary>The nearest value of 8 significant bits, ties to even.</summary>
    public static double RoundToBFloat16(double value)
    {
        int bits = BitConverter.SingleToInt32Bits((float)value);
        return BitConverter.Int32BitsToSingle((bits + 0x7fff + ((bits >> 16) & 1)) & ~0xffff);
    }

    public static Tensor Upload(this Arena arena, double[] values, Shape shape, ElementType type = ElementType.Float32)
    {
        Tensor tensor = arena.Rent(shape, type: type);
        tensor.Upload([.. values.Select(v => (float)v)]);
        return tensor;
    }

    /// <summary>|actual − expected| ≤ absolute + relative·|expected|, reporting the worst element; NaN never passes.</summary>
    public static void ShouldBe(
        this Tensor actual, double[] expected, double relative, double absolute, string name = "it") =>
        actual.ToArray().ShouldBe(expected, relative, absolute, name);

    /// <inheritdoc cref="ShouldBe(Tensor, double[], double, double, string)"/>
    public static void ShouldBe(
        this float[] got, double[] expected, double relative, double absolute, string name = "it")
    {
        Assert.Equal(expected.Length, got.Length);
        int worst = -1;
        double excess = 1;
        for (int i = 0; i < got.Length; i++)
        {
            double error = Math.Abs(got[i] - expected[i]) / (absolute + (relative * Math.Abs(expected[i])));
            if (!(error <= excess))
            {
                (worst, excess) = (i, double.IsNaN(error) ? double.PositiveInfinity : error);
            }
        }

        Assert.True(worst < 0, $"{name}[{worst}] is {(worst < 0 ? 0 : got[worst]):g9}; expected {(worst < 0 ? 0 : expected[worst]):g9}.");
    }
}
