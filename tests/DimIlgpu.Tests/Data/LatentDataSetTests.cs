using DimIlgpu.Model.Data;
using DimIlgpu.Model.Weights;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class LatentDataSetTests
{
    [Fact]
    public void Latents_become_channel_last()
    {
        float[] values = [.. Enumerable.Range(0, 240).Select(static i => (float)i)];
        using LatentDataSet data = Open([
            SafetensorsTensor.Floats("latents", [5, 4, 3, 2, 2], () => values, SafetensorsType.F16),
            SafetensorsTensor.Integers("labels", [5], new long[] { 0, 1, 2, 3, 4 })]);
        Assert.Equal(new(3, 2, 2, 4), data.Shape);
        Assert.True(data.IsLatent);
        Assert.Equal((4, 1, 5), (data.Count(DataSplit.Train), data.Count(DataSplit.HeldOut), data.Classes.Count));
        float[] sample = new float[48];
        int label = data.Read(DataSplit.HeldOut, 0, sample);
        for (int cell = 0; cell < 12; cell++)
        {
            for (int channel = 0; channel < 4; channel++)
            {
                Assert.Equal((label * 48) + (channel * 12) + cell, sample[(cell * 4) + channel]);
            }
        }
    }

    [Fact]
    public void Without_labels_there_is_one_class()
    {
        using LatentDataSet data = Open([SafetensorsTensor.Floats("latents", [2, 4, 2, 2], new float[32])]);
        Assert.Equal(["all"], data.Classes);
        Assert.Equal(new(1, 2, 2, 4), data.Shape);
    }

    [Fact]
    public void Every_fault_is_named()
    {
        Fails("no tensor 'latents'", SafetensorsTensor.Floats("x", [1], new float[1]));
        Fails("shape (2, 3)", SafetensorsTensor.Floats("latents", [2, 3], new float[6]));
        Fails("shape (0, 4, 2, 2)", SafetensorsTensor.Floats("latents", [0, 4, 2, 2], Array.Empty<float>()));
        Fails("floating-point", SafetensorsTensor.Integers("latents", [1, 1, 1, 1], new long[1]));
        SafetensorsTensor good = SafetensorsTensor.Floats("latents", [2, 1, 1, 1], new[] { float.NaN, float.NaN });
        Fails("expected (2)", good, SafetensorsTensor.Integers("labels", [3], new long[3]));
        Fails("label 1 is -1", good, SafetensorsTensor.Integers("labels", [2], new long[] { 0, -1 }));
        using LatentDataSet data = Open([good]);
        Assert.Contains("not finite", Assert.Throws<InvalidDataException>(() => data.Read(DataSplit.Train, 0, new float[1])).Message, StringComparison.Ordinal);

        static void Fails(string fault, params SafetensorsTensor[] tensors) =>
            Assert.Contains(fault, Assert.Throws<InvalidDataException>(() => Open(tensors)).Message, StringComparison.Ordinal);
    }

    private static LatentDataSet Open(SafetensorsTensor[] tensors)
    {
        MemoryStream stream = new();
        SafetensorsWriter.Write(stream, tensors);
        return new(new SafetensorsReader(stream, "z.safetensors"), Path.GetTempPath(), 1, allowsHorizontalFlip: false);
    }
}
