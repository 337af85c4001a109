namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="VariationalBound"/>.</summary>
internal static class VariationalBoundReference
{
    public static double[] Forward(
        double[] sample, double[] noise, double[] prediction, double[] variance, double[] k, int columns)
    {
        double[] bits = new double[sample.Length / columns];
        for (int i = 0; i < sample.Length; i++)
        {
            int row = i / columns;
            double smallest = k[4 * row + 1], largest = k[4 * row + 2];
            double f = (variance[i] + 1) / 2, log = (f * largest) + ((1 - f) * smallest);
            double d = k[4 * row] * (prediction[i] - noise[i]);
            double nats = k[4 * row + 3] > 0
                ? Surprise(sample[i], d, Math.Exp(log / 2))
                : 0.5 * (-1 + log - smallest + Math.Exp(smallest - log) + (d * d * Math.Exp(-log)));
            bits[row] += nats / Math.Log(2) / columns;
        }

        return bits;
    }

    private static double Surprise(double sample, double d, double deviation)
    {
        double upper = (d + (1.0 / 255)) / deviation, lower = (d - (1.0 / 255)) / deviation;

        // Taken in the nearer tail, where the difference keeps its digits.
        double inside = d > 0 ? Cumulative(-lower) - Cumulative(-upper) : Cumulative(upper) - Cumulative(lower);
        double probability = sample < -0.999 ? Cumulative(upper) : sample > 0.999 ? Cumulative(-lower) : inside;
        return -Math.Log(Math.Max(probability, 1e-12));
    }

    /// <summary>½·(1 + tanh a) as 1 / (1 + e^−2a).</summary>
    private static double Cumulative(double u) =>
        1 / (1 + Math.Exp(-2 * Math.Sqrt(2 / Math.PI) * (u + (0.044715 * u * u * u))));
}
