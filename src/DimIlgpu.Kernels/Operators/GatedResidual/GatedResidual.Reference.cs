namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="GatedResidual"/>.</summary>
internal static class GatedResidualReference
{
    public static double[] Forward(double[] x, double[] gate, double[] o, int columns)
    {
        int tokens = x.Length / gate.Length;
        return [.. x.Select((v, i) => v + (gate[(i / columns / tokens * columns) + (i % columns)] * o[i]))];
    }
}
