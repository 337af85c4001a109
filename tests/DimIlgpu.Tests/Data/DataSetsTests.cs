using DimIlgpu.Model.Data;
using DimIlgpu.Model.Weights;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class DataSetsTests
{
    private static readonly FakeCodec Codec = new();

    [Fact]
    public void One_name_opens_any_kind()
    {
        using TemporaryFolder folder = new();
        string idx = folder.Write("digits/train-images-idx3-ubyte", IdxBytes.Make([4, 2, 2], static _ => 0));
        folder.Write("pictures/a/1.raw", FakeCodec.Encode(1, 1, 1));
        string latents = Path.Combine(folder.Path, "z.safetensors");
        SafetensorsWriter.Write(latents, [SafetensorsTensor.Floats("latents", [3, 4, 2, 2], new float[48])]);
        Assert.IsType<ShapesDataSet>(Open("shapes"));
        Assert.IsType<MovingShapesDataSet>(Open("moving-shapes"));
        Assert.IsType<IdxDataSet>(Open(idx));
        Assert.IsType<IdxDataSet>(Open(Path.GetDirectoryName(idx)!));
        Assert.IsType<ImageFolderDataSet>(Open(Path.Combine(folder.Path, "pictures")));
        Assert.IsType<LatentDataSet>(Open(latents), exactMatch: true);
        Assert.Equal(32, DataSets.Open("shapes", new() { Size = 32 }, Codec, cancellation: TestContext.Current.CancellationToken).Shape.Width);

        static IDataSet Open(string name)
        {
            IDataSet data = DataSets.Open(name, null, Codec, cancellation: TestContext.Current.CancellationToken);
            (data as IDisposable)?.Dispose();
            return data;
        }
    }

    [Fact]
    public void What_is_not_a_data_set_is_told_what_is_accepted()
    {
        using TemporaryFolder folder = new();
        string text = folder.Write("a.txt", "hello"u8.ToArray());
        Assert.Contains("moving-shapes", Assert.Throws<FileNotFoundException>(() => DataSets.Open("shape", null, Codec, cancellation: TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        Assert.Contains(text, Assert.Throws<InvalidDataException>(() => DataSets.Open(text, null, Codec, cancellation: TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => DataSets.Open(folder.Path, null, Codec, cancellation: TestContext.Current.CancellationToken));
        Assert.Throws<ArgumentException>(() => DataSets.Open("shapes", new() { Size = 8 }, Codec, cancellation: TestContext.Current.CancellationToken));
    }
}
