using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;

namespace DimIlgpu.Model.Weights;

/// <summary>Reads tensors by name from a safetensors file, which it checks whole before the first read.</summary>
/// <remarks>
/// The format: an 8-byte little-endian N, N bytes of JSON, then the data, which the tensors fill without overlap or
/// hole. Reading is safe from several threads. Nothing is allocated from a number that the file's length does not bear out.
/// </remarks>
public sealed class SafetensorsReader : IDisposable
{
    private const int BlockBytes = 1 << 16;
    private readonly Stream stream;
    private readonly Lock gate = new();
    private readonly SafetensorsHeader header;
    private readonly long dataStart;

    /// <summary>Opens and checks the file at <paramref name="path"/>.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is not a valid safetensors file; the message says why.</exception>
    public SafetensorsReader(string path)
        : this(OpenFile(path), path)
    {
    }

    /// <summary>Reads from a seekable stream, which the reader then owns.</summary>
    /// <param name="stream">The whole file.</param>
    /// <param name="name">Its name, for messages.</param>
    /// <exception cref="InvalidDataException">It is not a valid safetensors file; the message says why.</exception>
    public SafetensorsReader(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        this.stream = stream;
        this.Name = name;
        try
        {
            (this.header, this.dataStart) = ReadHeader(stream, name);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The path or name that was opened.</summary>
    public string Name { get; }

    /// <summary>Every tensor of the file by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsInfo> Tensors => this.header.Tensors;

    /// <summary>The texts under <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata => this.header.Metadata;

    /// <summary>Reads a whole floating-point tensor, converting F64, F16 and BF16 to float32.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="expectedShape">The shape it must have, or null for any.</param>
    /// <exception cref="InvalidDataException">It is not there, or has another type or shape.</exception>
    public float[] ReadFloat32(string name, IReadOnlyList<long>? expectedShape = null)
    {
        SafetensorsInfo info = this.Find(name, expectedShape, static type => type.IsFloatingPoint(), "a floating-point type");
        float[] values = new float[this.ArrayLength(info)];
        this.ReadFloat32(info, 0, values);
        return values;
    }

    /// <summary>Reads part of a floating-point tensor into the caller's memory, converted to float32.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="start">The first element, counted from 0.</param>
    /// <param name="values">Receives as many elements as it has room for.</param>
    /// <exception cref="InvalidDataException">It is not there, or not of a floating-point type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The part reaches beyond the tensor.</exception>
    public void ReadFloat32(string name, long start, Span<float> values)
    {
        SafetensorsInfo info = this.Find(name, null, static type => type.IsFloatingPoint(), "a floating-point type");
        if (start < 0 || start > info.Count - values.Length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), start, $"{this.Name}: tensor '{name}' has {info.Count} elements, {values.Length} were asked for.");
        }

        this.ReadFloat32(info, start, values);
    }

    /// <summary>Reads a whole integer tensor (I64, I32, I16, I8, U8 or BOOL).</summary>
    /// <param name="name">Its name.</param>
    /// <param name="expectedShape">The shape it must have, or null for any.</param>
    /// <exception cref="InvalidDataException">It is not there, or has another type or shape.</exception>
    public long[] ReadInt64(string name, IReadOnlyList<long>? expectedShape = null)
    {
        SafetensorsInfo info = this.Find(name, expectedShape, static type => !type.IsFloatingPoint(), "an integer type");
        long[] values = new long[this.ArrayLength(info)];
        int size = info.Type.ByteSize();
        this.ReadBlocks(info.Begin, (long)values.Length * size, (block, offset) =>
        {
            Span<long> part = values.AsSpan((int)(offset / size), block.Length / size);
            for (int i = 0; i < part.Length; i++)
            {
                ReadOnlySpan<byte> element = block.Slice(i * size, size);
                part[i] = info.Type switch
                {
                    SafetensorsType.I64 => BinaryPrimitives.ReadInt64LittleEndian(element),
                    SafetensorsType.I32 => BinaryPrimitives.ReadInt32LittleEndian(element),
                    SafetensorsType.I16 => BinaryPrimitives.ReadInt16LittleEndian(element),
                    SafetensorsType.I8 => (sbyte)element[0],
                    _ => element[0],
                };
            }
        });
        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => this.stream.Dispose();

    internal static string Text(IReadOnlyList<long> shape) =>
        $"({string.Join(", ", shape.Select(static size => size.ToString(CultureInfo.InvariantCulture)))})";

    private static FileStream OpenFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return File.Exists(path)
            ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0)
            : throw new FileNotFoundException($"There is no file {path}.", path);
    }

    private static (SafetensorsHeader Header, long DataStart) ReadHeader(Stream stream, string name)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (stream.Length < 8)
        {
            throw new InvalidDataException($"{name}: {stream.Length} bytes are too few for a safetensors file.");
        }

        stream.Position = 0;
        stream.ReadExactly(prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)Math.Min(SafetensorsHeader.LongestHeader, stream.Length - 8))
        {
            throw new InvalidDataException(
                $"{name}: is not a safetensors file, or cut short: it states a header of {length} bytes and has {stream.Length}.");
        }

        byte[] json = new byte[(int)length];
        stream.ReadExactly(json);
        long dataStart = 8 + json.Length;
        return (SafetensorsHeader.Parse(json, stream.Length - dataStart, name), dataStart);
    }

    private SafetensorsInfo Find(
        string name, IReadOnlyList<long>? expectedShape, Func<SafetensorsType, bool> accepts, string expectedType)
    {
        if (!this.Tensors.TryGetValue(name, out SafetensorsInfo? info))
        {
            throw new InvalidDataException($"{this.Name}: there is no tensor '{name}'.");
        }

        if (!accepts(info.Type))
        {
            throw new InvalidDataException($"{this.Name}: tensor '{name}' is {info.Type}, expected {expectedType}.");
        }

        if (expectedShape is not null && !info.Shape.SequenceEqual(expectedShape))
        {
            throw new InvalidDataException(
                $"{this.Name}: tensor '{name}' has shape {Text(info.Shape)}, expected {Text(expectedShape)}.");
        }

        return info;
    }

    private int ArrayLength(SafetensorsInfo info) => info.Count <= Array.MaxLength
        ? (int)info.Count
        : throw new InvalidDataException($"{this.Name}: tensor '{info.Name}' has {info.Count} elements, too many for one array.");

    private void ReadFloat32(SafetensorsInfo info, long start, Span<float> values)
    {
        int size = info.Type.ByteSize();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            for (int done = 0; done < values.Length;)
            {
                int count = Math.Min(values.Length - done, BlockBytes / size);
                Span<byte> block = buffer.AsSpan(0, count * size);
                this.ReadAt(info.Begin + ((start + done) * size), block);
                ToFloat32(info.Type, block, values.Slice(done, count));
                done += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void ToFloat32(SafetensorsType type, ReadOnlySpan<byte> block, Span<float> values)
    {
        switch (type)
        {
            case SafetensorsType.F32:
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = BinaryPrimitives.ReadSingleLittleEndian(block[(4 * i)..]);
                }

                break;
            case SafetensorsType.F64:
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(block[(8 * i)..]);
                }

                break;
            case SafetensorsType.F16:
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(block[(2 * i)..]);
                }

                break;
            default:
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(block[(2 * i)..]) << 16);
                }

                break;
        }
    }

    private void ReadBlocks(long begin, long length, BlockAction use)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            for (long offset = 0; offset < length; offset += BlockBytes)
            {
                Span<byte> block = buffer.AsSpan(0, (int)Math.Min(BlockBytes, length - offset));
                this.ReadAt(begin + offset, block);
                use(block, offset);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void ReadAt(long offset, Span<byte> block)
    {
        try
        {
            lock (this.gate)
            {
                this.stream.Position = this.dataStart + offset;
                this.stream.ReadExactly(block);
            }
        }
        catch (EndOfStreamException fault)
        {
            throw new InvalidDataException($"{this.Name}: the file became shorter while it was read.", fault);
        }
    }

    private delegate void BlockAction(ReadOnlySpan<byte> block, long offset);
}
