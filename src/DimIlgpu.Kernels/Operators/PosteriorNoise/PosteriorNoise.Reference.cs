namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="PosteriorNoise"/>.</summary>
internal static class PosteriorNoiseReference
{
    public static double[] Forward(double[] mean, double[] variance, double[] noise, double[] k, int columns)
    {
        double[] y = new double[mean.Length];
        for (int i = 0; i < y.Length; i++)
        {
            int row = k.Length == 3 ? 0 : i / columns * 3;
            double f = (variance[i] + 1) / 2;
            y[i] = mean[i] + (k[row + 2] * Math.Sqrt(Math.Exp((f * k[row + 1]) + ((1 - f) * k[row]))) * noise[i]);
        }

        return y;
    }
}
