using System.Buffers.Binary;
using System.Text;
using DimIlgpu.Model.Weights;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SafetensorsTests
{
    [Fact]
    public void What_is_written_is_read_back()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "w.safetensors");
        float[] values = [1.5f, -2, 0, 1e-3f, 65504, float.NegativeInfinity];
        SafetensorsWriter.Write(
            path,
            [
                SafetensorsTensor.Floats("b.weight", [2, 3], values),
                SafetensorsTensor.Floats("half", [6], () => values, SafetensorsType.F16),
                SafetensorsTensor.Floats("brain", [3, 2], () => values, SafetensorsType.BF16),
                SafetensorsTensor.Integers("step", [], new long[] { 1L << 40 }),
                SafetensorsTensor.Floats("empty", [0, 4], Array.Empty<float>()),
            ],
            new Dictionary<string, string> { ["format"] = "pt", ["a \"quoted\" ключ"] = "\n" });

        using SafetensorsReader reader = new(path);
        Assert.Equal(["b.weight", "half", "brain", "step", "empty"], reader.Tensors.Values.OrderBy(static t => t.Begin).ThenBy(static t => t.End).Select(static t => t.Name));
        Assert.Equal(values, reader.ReadFloat32("b.weight", [2, 3]));
        Assert.Equal(values.Select(static v => (float)(Half)v), reader.ReadFloat32("half"));
        Assert.All(values.Zip(reader.ReadFloat32("brain")), static pair => Assert.True(
            pair.First == pair.Second || Math.Abs(pair.First - pair.Second) <= Math.Abs(pair.First) / 256));
        Assert.Equal([1L << 40], reader.ReadInt64("step", []));
        Assert.Empty(reader.ReadFloat32("empty"));
        Assert.Equal("pt", reader.Metadata["format"]);
        Assert.Equal("\n", reader.Metadata["a \"quoted\" ключ"]);
        float[] part = new float[2];
        reader.ReadFloat32("b.weight", 3, part);
        Assert.Equal(values[3..5], part);
        Assert.Throws<ArgumentOutOfRangeException>(() => reader.ReadFloat32("b.weight", 5, new float[2]));

        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal(0, BinaryPrimitives.ReadInt64LittleEndian(bytes) % 8);
    }

    [Theory]
    [InlineData(1.00390625f, 1f)]
    [InlineData(1.01171875f, 1.015625f)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.MaxValue, float.PositiveInfinity)]
    public void Brain_floats_round_to_nearest_even(float value, float expected)
    {
        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, [SafetensorsTensor.Floats("x", [1], () => new[] { value }, SafetensorsType.BF16)]);
        using SafetensorsReader reader = new(stream, "x");
        Assert.Equal(expected, reader.ReadFloat32("x")[0]);
    }

    [Theory]
    [InlineData("F64", 8)]
    [InlineData("I32", 4)]
    [InlineData("I16", 2)]
    [InlineData("I8", 1)]
    [InlineData("U8", 1)]
    [InlineData("BOOL", 1)]
    public void Every_type_is_read(string type, int size)
    {
        byte[] data = new byte[2 * size];
        if (type == "F64")
        {
            BinaryPrimitives.WriteDoubleLittleEndian(data, 0.25);
            using SafetensorsReader floats = Open("""{"x":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}""", data);
            Assert.Equal([0.25f, 0], floats.ReadFloat32("x"));
            return;
        }

        data.AsSpan(0, size).Fill(type is "U8" or "BOOL" ? (byte)1 : (byte)0xFF);
        using SafetensorsReader integers = Open($$$"""{"x":{"dtype":"{{{type}}}","shape":[2],"data_offsets":[0,{{{2 * size}}}]}}""", data);
        Assert.Equal([type is "U8" or "BOOL" ? 1 : -1, 0], integers.ReadInt64("x"));
    }

    [Theory]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "overlaps")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}""", 16, "hole")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "hole")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "ends at byte 8")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "end at byte 8")]
    [InlineData("""{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "takes 12 bytes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "offsets 8 to 0")]
    [InlineData("""{"x":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, "unknown type 'F31'")]
    [InlineData("""{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "whole numbers from 0")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "whole numbers from 0")]
    [InlineData("""{"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", 8, "whole numbers from 0")]
    [InlineData("""{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""", 8, "impossible shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}""", 4, "more than 16")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,2,4]}}""", 4, "more than 2")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4, "lacks")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1]}}""", 4, "lacks")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}""", 4, "repeated")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}""", 4, "unknown")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "twice")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "other than text")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "twice")]
    [InlineData("""{"__metadata__":[]}""", 0, "not an object")]
    [InlineData("""{"x":5}""", 0, "not an object")]
    [InlineData("""{"\ud800":{}}""", 0, "not valid JSON")]
    [InlineData("""[]""", 0, "not a JSON object")]
    [InlineData("", 0, "not a JSON object")]
    [InlineData("""{"x":""", 0, "not valid JSON")]
    [InlineData("""{} {}""", 0, "not valid JSON")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]""", 1, "not valid JSON")]
    public void Every_lie_is_named(string json, int dataLength, string fault)
    {
        string message = Assert.Throws<InvalidDataException>(() => Open(json, new byte[dataLength])).Message;
        Assert.StartsWith("lie.safetensors: ", message, StringComparison.Ordinal);
        Assert.Contains(fault, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(100_000_000UL)]
    [InlineData(100_000_001UL)]
    [InlineData(3UL)]
    [InlineData(ulong.MaxValue)]
    public void A_header_longer_than_the_file_is_refused_without_memory(ulong length)
    {
        byte[] file = new byte[10];
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidDataException>(() => new SafetensorsReader(new MemoryStream(file), "lie"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    public void A_short_or_missing_file_is_named()
    {
        Assert.Contains("too few", Assert.Throws<InvalidDataException>(() => new SafetensorsReader(new MemoryStream(new byte[7]), "x")).Message, StringComparison.Ordinal);
        Assert.Contains("nowhere", Assert.Throws<FileNotFoundException>(() => new SafetensorsReader("nowhere")).Message, StringComparison.Ordinal);
        byte[] invalid = [1, 0, 0, 0, 0, 0, 0, 0, 0xFF];
        Assert.Contains("UTF-8", Assert.Throws<InvalidDataException>(() => new SafetensorsReader(new MemoryStream(invalid), "x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Asking_for_what_is_not_there_names_file_and_tensor()
    {
        using SafetensorsReader reader = Open("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", new byte[8]);
        Assert.Equal("lie.safetensors: there is no tensor 'y'.", Assert.Throws<InvalidDataException>(() => reader.ReadFloat32("y")).Message);
        Assert.Equal(
            "lie.safetensors: tensor 'x' has shape (2), expected (1, 2).",
            Assert.Throws<InvalidDataException>(() => reader.ReadFloat32("x", [1, 2])).Message);
        Assert.Equal(
            "lie.safetensors: tensor 'x' is F32, expected an integer type.",
            Assert.Throws<InvalidDataException>(() => reader.ReadInt64("x")).Message);
    }

    [Fact]
    public void The_writer_refuses_what_no_reader_would_take()
    {
        using MemoryStream stream = new();
        SafetensorsTensor x = SafetensorsTensor.Floats("x", [1], new float[1]);
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(stream, [x, x]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(stream, [SafetensorsTensor.Floats("x", [2], new float[1])]));
        Assert.Throws<ArgumentException>(() => SafetensorsTensor.Floats("__metadata__", [1], new float[1]));
        Assert.Throws<ArgumentException>(() => SafetensorsTensor.Floats("x", [1], () => default, SafetensorsType.I8));
    }

    private static SafetensorsReader Open(string json, byte[] data)
    {
        byte[] header = Encoding.UTF8.GetBytes(json);
        byte[] file = new byte[8 + header.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        header.CopyTo(file, 8);
        data.CopyTo(file, 8 + header.Length);
        return new(new MemoryStream(file), "lie.safetensors");
    }
}
