namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Mix"/>.</summary>
internal static class MixReference
{
    public static double[] Forward(double[][] x, double[] k, int columns)
    {
        double[] y = new double[x[0].Length];
        for (int i = 0; i < y.Length; i++)
        {
            int row = k.Length == Mix.Width ? 0 : i / columns * Mix.Width;
            y[i] = x.Select((input, j) => k[row + j] * input[i]).Sum();
            y[i] = k[row + 4] > 0 ? Math.Clamp(y[i], -k[row + 4], k[row + 4]) : y[i];
        }

        return y;
    }
}
