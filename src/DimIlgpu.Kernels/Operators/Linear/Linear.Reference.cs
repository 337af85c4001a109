namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Linear"/>: double precision, one loop per index.</summary>
internal static class LinearReference
{
    public static double[] Forward(double[] x, double[] weight, double[]? bias, int batch, int m, int n, int k)
    {
        double[] y = new double[batch * m * n];
        for (int i = 0; i < y.Length; i++)
        {
            int g = i / (m * n), row = i / n, column = (g * n) + (i % n);
            double sum = bias?[column] ?? 0;
            for (int j = 0; j < k; j++)
            {
                sum += x[(row * k) + j] * weight[(column * k) + j];
            }

            y[i] = sum;
        }

        return y;
    }

    /// <summary>(dX, dW, db) for a given dY.</summary>
    public static double[][] Adjoint(double[] x, double[] weight, double[] dy, int batch, int m, int n, int k)
    {
        double[] dx = new double[x.Length], dw = new double[weight.Length], db = new double[batch * n];
        for (int i = 0; i < dy.Length; i++)
        {
            int g = i / (m * n), row = i / n, column = (g * n) + (i % n);
            db[column] += dy[i];
            for (int j = 0; j < k; j++)
            {
                dx[(row * k) + j] += dy[i] * weight[(column * k) + j];
                dw[(column * k) + j] += dy[i] * x[(row * k) + j];
            }
        }

        return [dx, dw, db];
    }
}
