namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="TokenFrame"/>.</summary>
internal static class TokenFrameReference
{
    public static double[] Join(double[] x, double[] condition, int batch) => [.. Enumerable.Range(0, batch).SelectMany(b =>
    {
        double[] ends = condition.Chunk(condition.Length / batch).ElementAt(b);
        return ends.Concat(x.Chunk(x.Length / batch).ElementAt(b)).Concat(ends);
    })];

    public static double[] Drop(double[] x, int batch, int count, int columns) =>
        [.. x.Chunk(x.Length / batch).SelectMany(sample => sample[(count * columns)..^(count * columns)])];
}
