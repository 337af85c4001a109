namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="ClipScale"/>.</summary>
internal static class ClipScaleReference
{
    public static (double Norm, double Scale, double Go) Update(double squaredNorm, double gradientScale, double maximum)
    {
        double norm = gradientScale * Math.Sqrt(squaredNorm);
        double clip = maximum > 0 ? Math.Min(1, maximum / norm) : 1;
        return double.IsFinite(squaredNorm) ? (norm, gradientScale * clip, 1) : (norm, 0, 0);
    }
}
