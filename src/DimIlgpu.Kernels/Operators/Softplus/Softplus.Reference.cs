namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Softplus"/>.</summary>
internal static class SoftplusReference
{
    public static double[] Forward(double[] x, double[] bias, int groups, int columns)
    {
        double[] y = new double[x.Length];
        int rows = x.Length / columns / groups;
        for (int i = 0; i < x.Length; i++)
        {
            double v = x[i] + bias[(i / columns / rows * columns) + (i % columns)];
            y[i] = v > 20 ? v : Math.Log(1 + Math.Exp(v));
        }

        return y;
    }
}
