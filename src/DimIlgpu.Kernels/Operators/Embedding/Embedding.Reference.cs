namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Embedding"/>.</summary>
internal static class EmbeddingReference
{
    public static double[] Forward(double[] table, int[] labels, int columns) =>
        [.. labels.SelectMany(label => table.AsSpan(label * columns, columns).ToArray())];
}
