namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="CausalConvolution"/> and its adjoint.</summary>
internal static class CausalConvolutionReference
{
    public static double[] Forward(double[] x, double[] weight, double[] bias, int length)
    {
        double[] u = Convolve(x, weight, bias, length);
        for (int i = 0; i < u.Length; i++)
        {
            u[i] /= 1 + Math.Exp(-u[i]);
        }

        return u;
    }

    public static double[][] Adjoint(double[] x, double[] weight, double[] bias, double[] du, int length)
    {
        double[] a = Convolve(x, weight, bias, length);
        double[] dx = new double[x.Length], dweight = new double[weight.Length], dbias = new double[bias.Length];
        int channels = bias.Length / 2;
        for (int i = 0; i < a.Length; i++)
        {
            double sigmoid = 1 / (1 + Math.Exp(-a[i]));
            a[i] = du[i] * sigmoid * (1 + (a[i] * (1 - sigmoid)));
            dbias[(i / x.Length * channels) + (i % channels)] += a[i];
        }

        ForEachTap(x.Length, weight, channels, length, (output, input, tap) =>
        {
            dx[input] += weight[tap] * a[output];
            dweight[tap] += x[input] * a[output];
        });
        return [dx, dweight, dbias];
    }

    private static double[] Convolve(double[] x, double[] weight, double[] bias, int length)
    {
        int channels = bias.Length / 2;
        double[] a = new double[2 * x.Length];
        for (int i = 0; i < a.Length; i++)
        {
            a[i] = bias[(i / x.Length * channels) + (i % channels)];
        }

        ForEachTap(x.Length, weight, channels, length, (output, input, tap) => a[output] += weight[tap] * x[input]);
        return a;
    }

    /// <summary>Visits (output, input, tap) wherever the input token exists.</summary>
    private static void ForEachTap(int size, double[] weight, int channels, int length, Action<int, int, int> visit)
    {
        int width = weight.Length / channels / 2;
        for (int direction = 0; direction < 2; direction++)
        {
            for (int row = 0; row < size / channels; row++)
            {
                for (int k = 0; k < width; k++)
                {
                    int offset = direction == 0 ? k - (width - 1) : width - 1 - k;
                    if ((row % length) + offset < 0 || (row % length) + offset >= length)
                    {
                        continue;
                    }

                    for (int e = 0; e < channels; e++)
                    {
                        visit(
                            (direction * size) + (row * channels) + e, ((row + offset) * channels) + e,
                            (((direction * width) + k) * channels) + e);
                    }
                }
            }
        }
    }
}
