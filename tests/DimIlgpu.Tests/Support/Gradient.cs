using Xunit;

namespace DimIlgpu.Tests;

internal static class Gradient
{
    /// <summary>Central differences of Σ dy·f(x) in double precision, one element at a time.</summary>
    public static double[] Numeric(Func<double[], double[]> f, double[] x, double[] dy, double step = 1e-5)
    {
        double[] gradient = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            double[] plus = [.. x], minus = [.. x];
            plus[i] += step;
            minus[i] -= step;
            gradient[i] = f(plus).Zip(f(minus), dy).Sum(p => (p.First - p.Second) * p.Third) / (2 * step);
        }

        return gradient;
    }

    /// <summary>Holds a reference's own adjoint against central differences.</summary>
    public static void ShouldMatch(
        Func<double[][], double[]> reference, Func<double[][], double[], double[][]> adjoint, double[][] inputs)
    {
        double[] dy = Data.Random(98, reference(inputs).Length);
        double[][] gradients = adjoint(inputs, dy);
        for (int i = 0; i < inputs.Length; i++)
        {
            double[] numeric = Numeric(x => reference([.. inputs.Select((o, j) => j == i ? x : o)]), inputs[i], dy);
            for (int k = 0; k < numeric.Length; k++)
            {
                Assert.True(
                    Math.Abs(numeric[k] - gradients[i][k]) <= 1e-6 + (1e-6 * Math.Abs(numeric[k])),
                    $"Input {i}[{k}]: the adjoint says {gradients[i][k]:g9}, central differences {numeric[k]:g9}.");
            }
        }
    }
}
