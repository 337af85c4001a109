using System.Text.Json;
using System.Text.Unicode;

namespace DimIlgpu.Model.Weights;

/// <summary>What a safetensors file says about one tensor.</summary>
/// <param name="Name">Its name, unique in the file.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its dimensions, the last one fastest; empty for a scalar.</param>
/// <param name="Begin">Offset of its first byte from the start of the data.</param>
/// <param name="End">Offset after its last byte.</param>
public sealed record SafetensorsInfo(string Name, SafetensorsType Type, IReadOnlyList<long> Shape, long Begin, long End)
{
    /// <summary>Number of elements.</summary>
    public long Count => (this.End - this.Begin) / this.Type.ByteSize();
}

/// <summary>Parses and checks the JSON header; nothing later needs to doubt an offset or a shape.</summary>
internal sealed class SafetensorsHeader
{
    // The limit of the format; a longer header is refused by every reader.
    public const long LongestHeader = 100_000_000;

    // Two bytes of JSON make one dimension of eight: without a bound a header costs many times its size.
    private const int HighestRank = 16;

    private readonly string file;
    private readonly Dictionary<string, SafetensorsInfo> tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> metadata = new(StringComparer.Ordinal);

    private SafetensorsHeader(string file) => this.file = file;

    public IReadOnlyDictionary<string, SafetensorsInfo> Tensors => this.tensors;

    public IReadOnlyDictionary<string, string> Metadata => this.metadata;

    /// <summary>Parses <paramref name="json"/> and checks it against <paramref name="dataLength"/> bytes of data.</summary>
    /// <exception cref="InvalidDataException">Any fault; the message names the file.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string file)
    {
        SafetensorsHeader header = new(file);
        if (!Utf8.IsValid(json))
        {
            throw header.Fault("the header is not UTF-8");
        }

        if (json.IsEmpty || json[0] != (byte)'{')
        {
            throw header.Fault("the header is not a JSON object");
        }

        try
        {
            // By hand, because a deserialiser keeps the last of two equal names in silence.
            Utf8JsonReader reader = new(json);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (name == "__metadata__")
                {
                    header.ReadMetadata(ref reader);
                }
                else
                {
                    header.ReadTensor(ref reader, name);
                }
            }

            // Throws on anything after the object but white space.
            reader.Read();
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a lone surrogate escaped in a string.
            throw new InvalidDataException($"{file}: the header is not valid JSON: {fault.Message}", fault);
        }

        header.CheckLayout(dataLength);
        return header;
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw this.Fault("__metadata__ is not an object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            if (!reader.Read() || reader.TokenType != JsonTokenType.String)
            {
                throw this.Fault($"__metadata__ holds something other than text under '{key}'");
            }

            if (!this.metadata.TryAdd(key, reader.GetString()!))
            {
                throw this.Fault($"__metadata__ holds '{key}' twice");
            }
        }
    }

    private void ReadTensor(ref Utf8JsonReader reader, string name)
    {
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw this.Fault($"the entry of tensor '{name}' is not an object");
        }

        SafetensorsType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            switch (key)
            {
                case "dtype" when type is null && reader.TokenType == JsonTokenType.String:
                    string text = reader.GetString()!;
                    type = SafetensorsTypes.TryParse(text, out SafetensorsType known)
                        ? known
                        : throw this.Fault($"tensor '{name}' has the unknown type '{text}'");
                    break;
                case "shape" when shape is null:
                    shape = this.ReadNumbers(ref reader, name, key, HighestRank);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = this.ReadNumbers(ref reader, name, key, 2);
                    break;
                default:
                    throw this.Fault($"the entry of tensor '{name}' has a repeated, unknown or malformed '{key}'");
            }
        }

        if (type is null || shape is null || offsets is not { Length: 2 })
        {
            throw this.Fault($"the entry of tensor '{name}' lacks dtype, shape or two data_offsets");
        }

        SafetensorsInfo info = new(name, type.Value, shape, offsets[0], offsets[1]);
        this.CheckSize(info);
        if (!this.tensors.TryAdd(name, info))
        {
            throw this.Fault($"tensor '{name}' is there twice");
        }
    }

    private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string key, int most)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw this.Fault($"'{key}' of tensor '{name}' is not an array");
        }

        Span<long> numbers = stackalloc long[HighestRank];
        int count = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (count == most)
            {
                throw this.Fault($"'{key}' of tensor '{name}' has more than {most} numbers");
            }

            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out numbers[count]) || numbers[count] < 0)
            {
                throw this.Fault($"'{key}' of tensor '{name}' holds something other than whole numbers from 0");
            }

            count++;
        }

        return numbers[..count].ToArray();
    }

    private void CheckSize(SafetensorsInfo info)
    {
        long bytes = info.Type.ByteSize();
        try
        {
            foreach (long dimension in info.Shape)
            {
                bytes = checked(bytes * dimension);
            }
        }
        catch (OverflowException)
        {
            throw this.Fault($"tensor '{info.Name}' has the impossible shape {SafetensorsReader.Text(info.Shape)}");
        }

        if (info.End < info.Begin || info.End - info.Begin != bytes)
        {
            throw this.Fault(
                $"tensor '{info.Name}' has offsets {info.Begin} to {info.End}, but {info.Type} "
                + $"{SafetensorsReader.Text(info.Shape)} takes {bytes} bytes");
        }
    }

    private void CheckLayout(long dataLength)
    {
        SafetensorsInfo[] order = [.. this.tensors.Values];
        Array.Sort(order, static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long end = 0;
        foreach (SafetensorsInfo info in order)
        {
            if (info.End > dataLength)
            {
                throw this.Fault($"tensor '{info.Name}' ends at byte {info.End}, but there are {dataLength} bytes of data");
            }

            if (info.Begin != end)
            {
                string fault = info.Begin < end ? "overlaps the one before it" : "leaves a hole before it";
                throw this.Fault($"tensor '{info.Name}' at byte {info.Begin} {fault}, which ends at byte {end}");
            }

            end = info.End;
        }

        if (end != dataLength)
        {
            throw this.Fault($"the tensors end at byte {end}, but there are {dataLength} bytes of data");
        }
    }

    private InvalidDataException Fault(string fault) => new($"{this.file}: {fault}.");
}
