namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Gelu"/>.</summary>
internal static class GeluReference
{
    public static double[] Forward(double[] x) =>
        [.. x.Select(v => 0.5 * v * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + (0.044715 * v * v * v)))))];
}
