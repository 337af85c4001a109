using System.Buffers.Binary;
using System.IO.Compression;

namespace DimIlgpu.Tests;

/// <summary>Makes idx files in memory.</summary>
internal static class IdxBytes
{
    public static byte[] Make(int[] sizes, Func<int, byte> value)
    {
        byte[] file = new byte[4 + (4 * sizes.Length) + sizes.Aggregate(1, static (a, b) => a * b)];
        (file[2], file[3]) = (8, (byte)sizes.Length);
        for (int i = 0; i < sizes.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4 + (4 * i)), sizes[i]);
        }

        int start = 4 + (4 * sizes.Length);
        for (int i = start; i < file.Length; i++)
        {
            file[i] = value(i - start);
        }

        return file;
    }

    public static byte[] Zip(byte[] bytes)
    {
        using MemoryStream stream = new();
        using (GZipStream zip = new(stream, CompressionLevel.Fastest))
        {
            zip.Write(bytes);
        }

        return stream.ToArray();
    }
}
