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
            y[i] = Of(x[i] + bias[(i / columns / rows * columns) + (i % columns)]);
        }

        return y;
    }

    /// <summary>ln(1 + e^v), and v itself above 20.</summary>
    public static double Of(double v) => v > 20 ? v : LogOnePlus(Math.Exp(v));

    // Kahan's correction; .NET's own LogP1 is ln(1 + x) as it stands, which is 0 for small x.
    private static double LogOnePlus(double x) => 1 + x == 1 ? x : Math.Log(1 + x) * x / (1 + x - 1);
}
