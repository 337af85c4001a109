namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Silu"/>.</summary>
internal static class SiluReference
{
    public static double[] Forward(double[] x) =>
        [.. x.Select(v => v / (1 + Math.Exp(-v)))];
}
