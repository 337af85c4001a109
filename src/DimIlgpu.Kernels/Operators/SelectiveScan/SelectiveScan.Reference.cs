namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="SelectiveScan"/> and its adjoint: double precision, one token after another.</summary>
/// <param name="batch">B.</param>
/// <param name="tokens">L.</param>
/// <param name="channels">E.</param>
/// <param name="states">N.</param>
internal sealed class SelectiveScanReference(int batch, int tokens, int channels, int states)
{
    /// <summary>y for inputs u, Δ, A_log, B, C, D.</summary>
    public double[] Forward(double[][] x)
    {
        double[] y = new double[x[0].Length];
        this.ForEachChannel((sequence, direction, e) =>
        {
            double[][] h = this.States(x, sequence, direction, e);
            for (int t = 0; t < tokens; t++)
            {
                int row = this.Row(sequence, direction, t), at = (row * channels) + e;
                y[at] = x[5][(direction * channels) + e] * x[0][at];
                for (int n = 0; n < states; n++)
                {
                    y[at] += x[4][(row * states) + n] * h[t + 1][n];
                }
            }
        });
        return y;
    }

    /// <summary>The gradients of all six inputs.</summary>
    public double[][] Adjoint(double[][] x, double[] dy)
    {
        double[][] d = [.. x.Select(v => new double[v.Length])];
        this.ForEachChannel((sequence, direction, e) =>
        {
            double[][] h = this.States(x, sequence, direction, e);
            double[] g = new double[states];
            int parameter = (direction * channels) + e;
            for (int t = tokens - 1; t >= 0; t--)
            {
                int row = this.Row(sequence, direction, t), at = (row * channels) + e;
                double delta = x[1][at], u = x[0][at];
                d[5][parameter] += dy[at] * u;
                d[0][at] += dy[at] * x[5][parameter];
                for (int n = 0; n < states; n++)
                {
                    int k = (((direction * states) + n) * channels) + e;
                    double a = -Math.Exp(x[2][k]), decay = Math.Exp(delta * a), b = x[3][(row * states) + n];
                    g[n] += x[4][(row * states) + n] * dy[at];
                    d[4][(row * states) + n] += dy[at] * h[t + 1][n];
                    d[3][(row * states) + n] += g[n] * delta * u;
                    d[0][at] += g[n] * delta * b;
                    d[1][at] += g[n] * ((b * u) + (a * decay * h[t][n]));
                    d[2][k] += g[n] * h[t][n] * decay * delta * a;
                    g[n] *= decay;
                }
            }
        });
        return d;
    }

    private int Row(int sequence, int direction, int t) => (sequence * tokens) + (direction == 0 ? t : tokens - 1 - t);

    private double[][] States(double[][] x, int sequence, int direction, int e)
    {
        double[][] h = [.. Enumerable.Range(0, tokens + 1).Select(_ => new double[states])];
        for (int t = 0; t < tokens; t++)
        {
            int row = this.Row(sequence, direction, t), at = (row * channels) + e;
            double delta = x[1][at];
            for (int n = 0; n < states; n++)
            {
                double a = -Math.Exp(x[2][(((direction * states) + n) * channels) + e]);
                h[t + 1][n] = (Math.Exp(delta * a) * h[t][n]) + (delta * x[3][(row * states) + n] * x[0][at]);
            }
        }

        return h;
    }

    private void ForEachChannel(Action<int, int, int> action)
    {
        for (int sequence = 0; sequence < 2 * batch; sequence++)
        {
            for (int e = 0; e < channels; e++)
            {
                action(sequence, sequence / batch, e);
            }
        }
    }
}
