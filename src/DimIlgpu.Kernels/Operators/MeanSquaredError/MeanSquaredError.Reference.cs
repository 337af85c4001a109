namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="MeanSquaredError"/>.</summary>
internal static class MeanSquaredErrorReference
{
    public static double[] Forward(double[] x, double[] target, int columns)
    {
        double[] loss = new double[x.Length / columns];
        for (int i = 0; i < x.Length; i++)
        {
            loss[i / columns] += Math.Pow(x[i] - target[i], 2) / columns;
        }

        return loss;
    }
}
