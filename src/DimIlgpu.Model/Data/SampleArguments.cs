namespace DimIlgpu.Model.Data;

/// <summary>The checks every <see cref="IDataSet.Read"/> begins with.</summary>
internal static class SampleArguments
{
    public static void Check(IDataSet data, DataSplit split, int index, Span<float> values)
    {
        int count = data.Count(split);
        if ((uint)index >= (uint)count)
        {
            throw new ArgumentOutOfRangeException(nameof(index), index, $"{data.Name} has {count} samples in {split}.");
        }

        if (values.Length != data.Shape.Length)
        {
            throw new ArgumentException(
                $"A sample of {data.Name} has {data.Shape.Length} values; {values.Length} were given room.", nameof(values));
        }
    }
}
