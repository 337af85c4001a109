namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="ColumnSum"/>.</summary>
internal static class ColumnSumReference
{
    public static double[] Forward(double[] x, int groups, int columns)
    {
        double[] y = new double[groups * columns];
        int rows = x.Length / columns / groups;
        for (int i = 0; i < x.Length; i++)
        {
            y[(i / columns / rows * columns) + (i % columns)] += x[i];
        }

        return y;
    }
}
