namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Sum"/>.</summary>
internal static class SumReference
{
    public static double[] Forward(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
