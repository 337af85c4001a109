namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="SumGate"/>.</summary>
internal static class SumGateReference
{
    public static double[] Forward(double[] y, double[] z, bool divide) =>
        [.. z.Select((v, i) => (divide ? 0.5 : 1) * (y[i] + y[i + z.Length]) * v / (1 + Math.Exp(-v)))];
}
