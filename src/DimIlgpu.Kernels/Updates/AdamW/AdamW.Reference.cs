namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="AdamW"/>.</summary>
internal static class AdamWReference
{
    public static void Update(
        double[] p, double[] g, double[] m, double[] v, double[]? ema,
        long step, double learningRate, double emaDecay, double scale, AdamWConstants constants)
    {
        (double beta1, double beta2, double epsilon, double weightDecay) = constants;
        for (int i = 0; i < p.Length; i++)
        {
            double gradient = scale * g[i];
            m[i] = (beta1 * m[i]) + ((1 - beta1) * gradient);
            v[i] = (beta2 * v[i]) + ((1 - beta2) * gradient * gradient);
            double first = m[i] / (1 - Math.Pow(beta1, step)), second = v[i] / (1 - Math.Pow(beta2, step));
            p[i] = (p[i] * (1 - (learningRate * weightDecay))) - (learningRate * first / (Math.Sqrt(second) + epsilon));
            g[i] = 0;
            if (ema is not null)
            {
                ema[i] = (emaDecay * ema[i]) + ((1 - emaDecay) * p[i]);
            }
        }
    }
}
