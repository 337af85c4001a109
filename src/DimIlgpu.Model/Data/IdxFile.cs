using System.Buffers.Binary;
using System.IO.Compression;

namespace DimIlgpu.Model.Data;

/// <summary>Reads idx files of unsigned bytes, plain or gz: <c>00 00 08 NN</c>, NN big-endian sizes, the bytes.</summary>
/// <remarks>
/// The header of a gz file cannot be checked against a length, so nothing is allocated by its word: memory grows with
/// the bytes that really come.
/// </remarks>
internal sealed class IdxFile : IDisposable
{
    private const int HighestRank = 5;
    private const int FirstBlock = 1 << 16;
    private readonly Stream source;
    private readonly Stream content;
    private readonly string name;
    private byte[] scratch = [];

    private IdxFile(Stream source, Stream content, string name, int[] sizes)
    {
        (this.source, this.content, this.name, this.Sizes) = (source, content, name, sizes);
        this.Length = 1;
        foreach (int size in sizes.AsSpan(1))
        {
            // Each step stays below 2³¹ · 2³², so the product cannot overflow before it is refused.
            this.Length *= size;
            if (this.Length > Array.MaxLength)
            {
                throw this.Fault("states samples of more than 2³¹ bytes");
            }
        }
    }

    /// <summary>The dimensions; the first is the number of samples. None is 0.</summary>
    public int[] Sizes { get; }

    /// <summary>Bytes of one sample: the product of all dimensions but the first.</summary>
    public long Length { get; }

    /// <summary>Opens a file and checks its header.</summary>
    public static IdxFile Open(string path) => File.Exists(path)
        ? Open(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read), path)
        : throw new FileNotFoundException($"There is no file {path}.", path);

    /// <summary>Reads and checks the header of a seekable stream, which it then owns.</summary>
    /// <exception cref="InvalidDataException">It is no idx file; the message names it and the fault.</exception>
    public static IdxFile Open(Stream source, string name)
    {
        Stream content = source;
        try
        {
            Span<byte> start = stackalloc byte[4 + (4 * HighestRank)];
            int got = source.ReadAtLeast(start[..2], 2, throwOnEndOfStream: false);
            source.Position = 0;
            bool zipped = got == 2 && start[0] == 0x1F && start[1] == 0x8B;
            content = zipped ? new GZipStream(source, CompressionMode.Decompress) : source;
            if (ReadUpTo(content, start[..4], name) < 4 || start[0] != 0 || start[1] != 0 || start[2] != 8)
            {
                throw new InvalidDataException($"{name}: is not an idx file of unsigned bytes, which begins with 00 00 08.");
            }

            int rank = start[3];
            if (rank is < 1 or > HighestRank)
            {
                throw new InvalidDataException($"{name}: has {rank} dimensions, expected 1 to {HighestRank}.");
            }

            if (ReadUpTo(content, start.Slice(4, 4 * rank), name) < 4 * rank)
            {
                throw new InvalidDataException($"{name}: ends within its header.");
            }

            int[] sizes = new int[rank];
            for (int i = 0; i < rank; i++)
            {
                uint size = BinaryPrimitives.ReadUInt32BigEndian(start[(4 + (4 * i))..]);
                sizes[i] = size is > 0 and <= int.MaxValue
                    ? (int)size
                    : throw new InvalidDataException($"{name}: dimension {i} is {size}, expected 1 to 2³¹ − 1.");
            }

            IdxFile file = new(source, content, name, sizes);
            if (!zipped)
            {
                file.CheckLength(source.Length - (4 + (4 * rank)));
            }

            return file;
        }
        catch
        {
            content.Dispose();
            source.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file claims to be an idx file by its first bytes; whether it is a sound one, <see cref="Open(string)"/> tells.</summary>
    public static bool IsIdx(string path)
    {
        using FileStream source = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        byte[] start = new byte[3];
        bool zipped = source.ReadAtLeast(start, 2, throwOnEndOfStream: false) >= 2 && start[0] == 0x1F && start[1] == 0x8B;
        source.Position = 0;
        using Stream content = zipped ? new GZipStream(source, CompressionMode.Decompress) : source;
        try
        {
            return content.ReadAtLeast(start, 3, throwOnEndOfStream: false) == 3 && start is [0, 0, 8];
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>The next sample, valid until the next call.</summary>
    /// <exception cref="InvalidDataException">The file ends early.</exception>
    public ReadOnlySpan<byte> Next()
    {
        int length = (int)this.Length;
        int got = 0;
        while (got < length)
        {
            if (got == this.scratch.Length)
            {
                Array.Resize(ref this.scratch, (int)Math.Min(length, Math.Max(Math.Min(FirstBlock, length), 2L * got)));
            }

            int count = ReadUpTo(this.content, this.scratch.AsSpan(got, Math.Min(length, this.scratch.Length) - got), this.name);
            if (count == 0)
            {
                throw this.Fault("ends before the last sample its header states");
            }

            got += count;
        }

        return this.scratch.AsSpan(0, length);
    }

    /// <summary>Checks that nothing follows the last sample.</summary>
    /// <exception cref="InvalidDataException">Something does.</exception>
    public void CheckEnd()
    {
        // Reading to the end also makes gz check its sum. A sum that is cut off passes: GZipStream does not tell, and the
        // content is then whole by the header's account.
        Span<byte> one = stackalloc byte[1];
        if (ReadUpTo(this.content, one, this.name) != 0)
        {
            throw this.Fault("goes on after the last sample its header states");
        }
    }

    public InvalidDataException Fault(string fault) => new($"{this.name}: {fault}.");

    public void Dispose()
    {
        this.content.Dispose();
        this.source.Dispose();
    }

    private static int ReadUpTo(Stream content, Span<byte> target, string name)
    {
        try
        {
            return content.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
        }
        catch (Exception fault) when (fault is InvalidDataException or EndOfStreamException)
        {
            throw new InvalidDataException($"{name}: its gz data are damaged or cut short: {fault.Message}", fault);
        }
    }

    private void CheckLength(long rest)
    {
        if (rest / this.Length != this.Sizes[0] || rest % this.Length != 0)
        {
            throw this.Fault($"states {this.Sizes[0]} samples of {this.Length} bytes, but {rest} bytes follow its header");
        }
    }
}
