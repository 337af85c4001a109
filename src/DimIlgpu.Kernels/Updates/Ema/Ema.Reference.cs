namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Ema"/>.</summary>
internal static class EmaReference
{
    public static double[] Update(double[] p, double[] ema, double decay) =>
        [.. p.Zip(ema, (value, mean) => (decay * mean) + ((1 - decay) * value))];
}
