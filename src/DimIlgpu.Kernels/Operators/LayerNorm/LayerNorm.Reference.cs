namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="LayerNorm"/> and its adjoint.</summary>
internal static class LayerNormReference
{
    public static double[] Forward(double[] x, int columns) =>
        [.. x.Chunk(columns).SelectMany(row =>
        {
            double mean = row.Average(), variance = row.Average(v => (v - mean) * (v - mean));
            return row.Select(v => (v - mean) / Math.Sqrt(variance + 1e-6));
        })];

    public static double[] Forward(double[] x, double[] shift, double[] scale, int columns)
    {
        int tokens = x.Length / shift.Length;
        return [.. Forward(x, columns).Select((v, i) =>
        {
            int m = (i / columns / tokens * columns) + (i % columns);
            return (v * (1 + scale[m])) + shift[m];
        })];
    }

    public static double[] Adjoint(double[] x, double[] dh, int columns) =>
        [.. x.Chunk(columns).Zip(dh.Chunk(columns), (row, d) =>
        {
            double mean = row.Average();
            double reciprocal = 1 / Math.Sqrt(row.Average(v => (v - mean) * (v - mean)) + 1e-6);
            double[] normal = [.. row.Select(v => (v - mean) * reciprocal)];
            double along = normal.Zip(d, (n, g) => n * g).Average(), average = d.Average();
            return normal.Zip(d, (n, g) => reciprocal * (g - average - (n * along)));
        }).SelectMany(row => row)];

    /// <returns>The gradients of x, shift and scale.</returns>
    public static double[][] Adjoint(double[] x, double[] scale, double[] dh, int columns)
    {
        int tokens = x.Length / scale.Length;
        double[] normal = Forward(x, columns), d = new double[x.Length];
        double[] dshift = new double[scale.Length], dscale = new double[scale.Length];
        for (int i = 0; i < x.Length; i++)
        {
            int m = (i / columns / tokens * columns) + (i % columns);
            d[i] = dh[i] * (1 + scale[m]);
            dshift[m] += dh[i];
            dscale[m] += dh[i] * normal[i];
        }

        return [Adjoint(x, d, columns), dshift, dscale];
    }

    /// <summary>Behind a gated branch, y = x + gate ⊙ o being what is normalised.</summary>
    /// <returns>The gradients of x, gate, o, shift and scale, given those of y and of the norm.</returns>
    public static double[][] Adjoint(double[] y, double[] gate, double[] o, double[] scale, double[] dy, double[] dh, int columns)
    {
        double[][] norm = Adjoint(y, scale, dh, columns);
        int tokens = y.Length / gate.Length;
        double[] dx = [.. dy.Zip(norm[0], (a, b) => a + b)], dgate = new double[gate.Length], branch = new double[o.Length];
        for (int i = 0; i < o.Length; i++)
        {
            int m = (i / columns / tokens * columns) + (i % columns);
            dgate[m] += dx[i] * o[i];
            branch[i] = dx[i] * gate[m];
        }

        return [dx, dgate, branch, norm[1], norm[2]];
    }
}
