namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="SquaredNorm"/>.</summary>
internal static class SquaredNormReference
{
    public static double Update(double[] x) => x.Sum(v => v * v);
}
