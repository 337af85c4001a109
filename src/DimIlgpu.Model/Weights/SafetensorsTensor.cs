using System.Buffers.Binary;

namespace DimIlgpu.Model.Weights;

/// <summary>A tensor to be written: its name, type and shape now, its values when their turn comes.</summary>
/// <remarks>Values are asked for one tensor at a time, so a model on a device needs host memory for its largest tensor only.</remarks>
public sealed class SafetensorsTensor
{
    private const int BlockElements = 1 << 14;
    private readonly Action<Stream> write;

    private SafetensorsTensor(string name, SafetensorsType type, IReadOnlyList<long> shape, Action<Stream, long> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(shape);
        if (name == "__metadata__")
        {
            throw new ArgumentException("A tensor cannot be named '__metadata__': the format keeps that name.", nameof(name));
        }

        long count = 1;
        foreach (long size in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(size, nameof(shape));
            count = checked(count * size);
        }

        this.Name = name;
        this.Type = type;
        this.Shape = [.. shape];
        this.ByteLength = checked(count * type.ByteSize());
        this.write = stream => write(stream, count);
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Its element type in the file.</summary>
    public SafetensorsType Type { get; }

    /// <summary>Its dimensions.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Bytes it takes in the file.</summary>
    public long ByteLength { get; }

    /// <summary>A tensor of float32 values, stored as <paramref name="storage"/>, rounded to nearest.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="values">Gives the values when they are written.</param>
    /// <param name="storage"><see cref="SafetensorsType.F32"/>, <see cref="SafetensorsType.F16"/> or <see cref="SafetensorsType.BF16"/>.</param>
    /// <exception cref="ArgumentException">Another storage type, or a shape that cannot be.</exception>
    public static SafetensorsTensor Floats(
        string name,
        IReadOnlyList<long> shape,
        Func<ReadOnlyMemory<float>> values,
        SafetensorsType storage = SafetensorsType.F32)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (storage is not (SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16))
        {
            throw new ArgumentException($"Floats are stored as F32, F16 or BF16, not {storage}.", nameof(storage));
        }

        return new(name, storage, shape, (stream, count) => WriteBlocks(
            stream, name, count, values().Span, storage.ByteSize(), (value, target) => Encode(storage, value, target)));
    }

    /// <summary>A tensor of float32 values at hand.</summary>
    public static SafetensorsTensor Floats(string name, IReadOnlyList<long> shape, ReadOnlyMemory<float> values) =>
        Floats(name, shape, () => values);

    /// <summary>A tensor of 64-bit integers.</summary>
    public static SafetensorsTensor Integers(string name, IReadOnlyList<long> shape, ReadOnlyMemory<long> values) =>
        new(name, SafetensorsType.I64, shape, (stream, count) => WriteBlocks(
            stream, name, count, values.Span, 8, static (value, target) => BinaryPrimitives.WriteInt64LittleEndian(target, value)));

    internal void Write(Stream stream) => this.write(stream);

    private static void Encode(SafetensorsType storage, float value, Span<byte> target)
    {
        switch (storage)
        {
            case SafetensorsType.F32:
                BinaryPrimitives.WriteSingleLittleEndian(target, value);
                break;
            case SafetensorsType.F16:
                BinaryPrimitives.WriteHalfLittleEndian(target, (Half)value);
                break;
            default:
                uint bits = BitConverter.SingleToUInt32Bits(value);

                // To nearest, ties to even; a NaN must not round up into an infinity.
                uint upper = float.IsNaN(value) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
                BinaryPrimitives.WriteUInt16LittleEndian(target, (ushort)upper);
                break;
        }
    }

    private static void WriteBlocks<T>(
        Stream stream, string name, long count, ReadOnlySpan<T> values, int size, Action<T, Span<byte>> encode)
    {
        if (values.Length != count)
        {
            throw new ArgumentException($"Tensor '{name}' was given {values.Length} values; its shape has {count}.", nameof(values));
        }

        byte[] buffer = new byte[Math.Min(BlockElements, values.Length) * size];
        for (int done = 0; done < values.Length; done += BlockElements)
        {
            ReadOnlySpan<T> part = values.Slice(done, Math.Min(BlockElements, values.Length - done));
            for (int i = 0; i < part.Length; i++)
            {
                encode(part[i], buffer.AsSpan(i * size, size));
            }

            stream.Write(buffer, 0, part.Length * size);
        }
    }
}
