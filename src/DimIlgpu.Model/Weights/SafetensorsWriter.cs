using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace DimIlgpu.Model.Weights;

/// <summary>Writes safetensors files, whole or not at all.</summary>
public static class SafetensorsWriter
{
    private static readonly JsonWriterOptions Options = new() { Indented = false };

    /// <summary>Writes <paramref name="tensors"/> in the order given and renames over <paramref name="path"/>.</summary>
    /// <param name="path">The file to replace or create.</param>
    /// <param name="tensors">The tensors, each name once.</param>
    /// <param name="metadata">Texts for <c>__metadata__</c>, or null.</param>
    /// <exception cref="ArgumentException">A name is there twice, or values do not fit their shape.</exception>
    /// <exception cref="IOException">The file could not be written; an earlier one is as it was.</exception>
    public static void Write(
        string path, IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));
    }

    /// <summary>Writes to a stream; <see cref="Write(string, IReadOnlyList{SafetensorsTensor}, IReadOnlyDictionary{string, string})"/> says the rest.</summary>
    public static void Write(
        Stream stream, IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(tensors);
        ArrayBufferWriter<byte> header = Header(tensors, metadata);

        // Data then starts on a multiple of 8, so that a reader may map any element type in place.
        int padding = (8 - (header.WrittenCount % 8)) % 8;
        header.GetSpan(padding)[..padding].Fill((byte)' ');
        header.Advance(padding);
        if (header.WrittenCount > SafetensorsHeader.LongestHeader)
        {
            throw new ArgumentException(
                $"The header would take {header.WrittenCount} bytes; the format allows {SafetensorsHeader.LongestHeader}.", nameof(tensors));
        }

        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, header.WrittenCount);
        stream.Write(prefix);
        stream.Write(header.WrittenSpan);
        foreach (SafetensorsTensor tensor in tensors)
        {
            tensor.Write(stream);
        }
    }

    private static ArrayBufferWriter<byte> Header(
        IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        ArrayBufferWriter<byte> header = new();
        HashSet<string> names = new(StringComparer.Ordinal);
        using Utf8JsonWriter json = new(header, Options);
        json.WriteStartObject();
        if (metadata is { Count: > 0 })
        {
            json.WriteStartObject("__metadata__");
            foreach ((string key, string text) in metadata)
            {
                json.WriteString(key, text);
            }

            json.WriteEndObject();
        }

        long begin = 0;
        foreach (SafetensorsTensor tensor in tensors)
        {
            if (!names.Add(tensor.Name))
            {
                throw new ArgumentException($"Tensor '{tensor.Name}' is there twice.", nameof(tensors));
            }

            long end = checked(begin + tensor.ByteLength);
            json.WriteStartObject(tensor.Name);
            json.WriteString("dtype", tensor.Type.ToString());
            WriteNumbers(json, "shape", tensor.Shape);
            WriteNumbers(json, "data_offsets", [begin, end]);
            json.WriteEndObject();
            begin = end;
        }

        json.WriteEndObject();
        json.Flush();
        return header;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }
}
