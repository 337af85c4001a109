using System.IO.Compression;
using System.Text;

namespace DimIlgpu.Model.Data;

/// <summary>Reads the files of a tar archive, plain or gz, one after another, with every size bounded.</summary>
/// <remarks>
/// Not System.Formats.Tar: that rents as much memory for an extended header as the header claims to take, up to 2 GB.
/// Understands ustar, GNU long names and pax paths.
/// </remarks>
internal static class TarArchive
{
    public const long LongestEntry = 256L << 20;
    private const int Block = 512;
    private const int LongestName = 1 << 16;

    /// <summary>The regular files whose name <paramref name="wanted"/> accepts; nothing is held back once it was given.</summary>
    /// <exception cref="InvalidDataException">The archive is damaged or cut short; the message names it.</exception>
    public static IEnumerable<(string Name, byte[] Bytes)> Read(Stream source, string archive, Func<string, bool> wanted)
    {
        byte[] header = new byte[Block];
        source.Position = 0;
        bool zipped = source.ReadAtLeast(header.AsSpan(0, 2), 2, throwOnEndOfStream: false) == 2 && header[0] == 0x1F && header[1] == 0x8B;
        source.Position = 0;
        using Stream content = zipped ? new GZipStream(source, CompressionMode.Decompress) : source;
        long rest = zipped ? long.MaxValue : source.Length;
        string? longName = null;
        while (true)
        {
            Fill(content, header, archive);
            rest -= Block;
            if (!header.AsSpan().ContainsAnyExcept((byte)0))
            {
                yield break;
            }

            CheckSum(header, archive);
            long size = Number(header.AsSpan(124, 12));
            char type = (char)header[156];
            string name = longName ?? HeaderName(header);
            if (size < 0 || size > rest)
            {
                throw new InvalidDataException($"{archive}: entry {name} states {size} bytes, more than the archive still holds.");
            }

            if (type is 'L' or 'x')
            {
                byte[] text = Bytes(content, size, LongestName, archive, "a long name");
                longName = type == 'L' ? Text(text) : PaxPath(text) ?? longName;
            }
            else if (type is '0' or '\0' && wanted(name))
            {
                yield return (name, Bytes(content, size, LongestEntry, archive, name));
                longName = null;
            }
            else
            {
                Skip(content, size, archive);
                longName = type is 'g' or 'K' ? longName : null;
            }

            long padding = (Block - (size % Block)) % Block;
            Skip(content, padding, archive);
            rest -= size + padding;
        }
    }

    private static byte[] Bytes(Stream content, long size, long most, string archive, string name)
    {
        if (size > most)
        {
            throw new InvalidDataException($"{archive}: {name} states {size} bytes, more than the {most} allowed.");
        }

        // Grows with what comes: behind gz the size is only a claim.
        byte[] bytes = new byte[Math.Min(size, 1 << 16)];
        int got = 0;
        while (true)
        {
            Fill(content, bytes.AsSpan(got), archive);
            got = bytes.Length;
            if (got == size)
            {
                return bytes;
            }

            Array.Resize(ref bytes, (int)Math.Min(size, 2L * got));
        }
    }

    private static void Skip(Stream content, long count, string archive)
    {
        Span<byte> waste = stackalloc byte[4096];
        for (; count > 0; count -= waste.Length)
        {
            Fill(content, waste[..(int)Math.Min(count, waste.Length)], archive);
        }
    }

    private static void Fill(Stream content, Span<byte> target, string archive)
    {
        try
        {
            content.ReadExactly(target);
        }
        catch (Exception fault) when (fault is EndOfStreamException or InvalidDataException)
        {
            throw new InvalidDataException($"{archive}: is no tar archive, or damaged or cut short: {fault.Message}", fault);
        }
    }

    private static void CheckSum(ReadOnlySpan<byte> header, string archive)
    {
        // The sum is taken with its own field as spaces.
        long sum = 8 * ' ';
        for (int i = 0; i < Block; i++)
        {
            sum += i is >= 148 and < 156 ? 0 : header[i];
        }

        if (sum != Number(header.Slice(148, 8)))
        {
            throw new InvalidDataException($"{archive}: is no tar archive, or damaged: the sum of an entry's header is wrong.");
        }
    }

    /// <summary>Octal digits, or a big-endian number marked by the highest bit; −1 for anything else.</summary>
    private static long Number(ReadOnlySpan<byte> field)
    {
        long value = 0;
        if ((field[0] & 0x80) != 0)
        {
            foreach (byte part in field[^8..])
            {
                value = (value << 8) | part;
            }

            return value;
        }

        foreach (byte digit in field.Trim(" \0"u8))
        {
            if (digit is < (byte)'0' or > (byte)'7')
            {
                return -1;
            }

            value = (value << 3) | (uint)(digit - '0');
        }

        return value;
    }

    private static string HeaderName(ReadOnlySpan<byte> header)
    {
        string name = Text(header[..100]);
        string prefix = header.Slice(257, 5).SequenceEqual("ustar"u8) ? Text(header.Slice(345, 155)) : string.Empty;
        return prefix.Length == 0 ? name : $"{prefix}/{name}";
    }

    /// <summary>The last <c>path</c> among records of "length key=value\n".</summary>
    private static string? PaxPath(ReadOnlySpan<byte> records)
    {
        string? path = null;
        while (records.IndexOf((byte)' ') is > 0 and int space
            && int.TryParse(records[..space], out int length) && length > space && length <= records.Length)
        {
            ReadOnlySpan<byte> record = records[(space + 1)..length];
            if (record.StartsWith("path="u8))
            {
                path = Text(record["path=".Length..].TrimEnd((byte)'\n'));
            }

            records = records[length..];
        }

        return path;
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
