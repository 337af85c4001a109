using System.Formats.Tar;
using System.Text;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Weights;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>Mutates good files: a reader gives a value or <see cref="InvalidDataException"/>, within memory bounded by the file.</summary>
public sealed class FileFuzzTests
{
    private const int Cases = 50_000;

    [Fact]
    public void Safetensors_readers_refuse_cleanly()
    {
        byte[][] seeds = [Safetensors(1), Safetensors(3), Safetensors(9)];
        int accepted = Run(seeds, factor: 40, static file =>
        {
            using SafetensorsReader reader = new(new MemoryStream(file), "fuzz");
            foreach (SafetensorsInfo info in reader.Tensors.Values)
            {
                _ = info.Type.IsFloatingPoint() ? reader.ReadFloat32(info.Name).Length : reader.ReadInt64(info.Name).Length;
            }
        });
        Assert.InRange(accepted, 1000, Cases - 1000);
    }

    [Fact]
    public void Idx_readers_refuse_cleanly()
    {
        byte[][] plain =
        [
            IdxBytes.Make([7, 4, 5], static i => (byte)(i * 31)),
            IdxBytes.Make([3, 4, 4, 3], static i => (byte)(i * 31)),
            IdxBytes.Make([2, 2, 4, 4, 3], static i => (byte)(i * 31)),
        ];
        int accepted = Run([.. plain, .. plain.Select(IdxBytes.Zip)], factor: 40, static file =>
        {
            using IdxFile idx = IdxFile.Open(new MemoryStream(file), "fuzz");
            if (idx.Sizes.Length < 3)
            {
                IdxPart.ReadLabels(idx);
            }
            else
            {
                IdxPart.ReadImages(idx, null, null, CancellationToken.None);
            }
        });
        Assert.InRange(accepted, 1000, Cases - 1000);
    }

    [Fact]
    public void Tar_readers_refuse_cleanly()
    {
        byte[][] plain = [Tar(TarEntryFormat.Gnu), Tar(TarEntryFormat.Pax)];
        int accepted = Run([.. plain, .. plain.Select(IdxBytes.Zip)], factor: 40, static file =>
        {
            foreach ((string _, byte[] bytes) in TarArchive.Read(new MemoryStream(file), "fuzz", static _ => true))
            {
                Assert.True(bytes.Length <= 40 * file.Length);
            }
        });
        Assert.InRange(accepted, 1000, Cases - 1000);
    }

    private static byte[] Tar(TarEntryFormat format)
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, format, leaveOpen: true))
        {
            foreach (string name in new[] { "a/1.raw", new string('n', 120) })
            {
                using MemoryStream content = new([1, 2, 3]);
                TarEntry entry = format == TarEntryFormat.Gnu
                    ? new GnuTarEntry(TarEntryType.RegularFile, name)
                    : new PaxTarEntry(TarEntryType.RegularFile, name);
                entry.DataStream = content;
                writer.WriteEntry(entry);
            }
        }

        return stream.ToArray();
    }

    private static int Run(byte[][] seeds, int factor, Action<byte[]> read)
    {
        // A file that a reader opens for the first time also pays for what is made once in a process.
        read(seeds[0]);
        int accepted = 0;
        CounterRandom random = new(2024, 7, 0);
        for (int i = 0; i < Cases; i++)
        {
            byte[] file = Mutate(seeds[i % seeds.Length], seeds[(int)(random.NextBits() % (ulong)seeds.Length)], ref random);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(file);
                accepted++;
            }
            catch (InvalidDataException)
            {
                // The one way to refuse; anything else fails the test.
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated <= (factor * file.Length) + 400_000, $"Case {i}: {allocated} bytes for a file of {file.Length}.");
        }

        return accepted;
    }

    private static byte[] Mutate(byte[] seed, byte[] other, ref CounterRandom random)
    {
        List<byte> file = [.. seed];
        int rounds = 1 + (int)(random.NextBits() % 3);
        for (int round = 0; round < rounds && file.Count > 0; round++)
        {
            int at = (int)(random.NextBits() % (ulong)file.Count);
            switch (random.NextBits() % 8)
            {
                case 0:
                    file[at] ^= (byte)(1 << (int)(random.NextBits() % 8));
                    break;
                case 1:
                    // The first bytes hold the lengths, where a flip does most.
                    file[at % Math.Min(24, file.Count)] ^= (byte)(1 << (int)(random.NextBits() % 8));
                    break;
                case 2:
                    file[at] = (byte)random.NextBits();
                    break;
                case 3:
                    file.RemoveRange(at, file.Count - at);
                    break;
                case 4:
                    file.RemoveRange(at, Math.Min(file.Count - at, 1 + (int)(random.NextBits() % 16)));
                    break;
                case 5:
                    int from = (int)(random.NextBits() % (ulong)other.Length);
                    file.InsertRange(at, other.AsSpan(from, Math.Min(other.Length - from, 40)));
                    break;
                case 6:
                    EditNumber(file, at, ref random);
                    break;
                default:
                    file.AddRange(other.AsSpan(0, Math.Min(other.Length, 1 + (int)(random.NextBits() % 20))));
                    break;
            }
        }

        return [.. file];
    }

    /// <summary>Replaces the next decimal number after <paramref name="at"/>, where there is one.</summary>
    private static void EditNumber(List<byte> file, int at, ref CounterRandom random)
    {
        int start = file.FindIndex(at, static value => value is >= (byte)'0' and <= (byte)'9');
        if (start < 0)
        {
            return;
        }

        int end = start;
        while (end < file.Count && file[end] is >= (byte)'0' and <= (byte)'9')
        {
            end++;
        }

        string[] numbers = ["0", "-1", "1", "2147483648", "4611686018427387904", "9223372036854775807", "99999999999999999999", "1e3", "0.5", "\"x\"", "[]"];
        file.RemoveRange(start, end - start);
        file.InsertRange(start, Encoding.ASCII.GetBytes(numbers[random.NextBits() % (ulong)numbers.Length]));
    }

    private static byte[] Safetensors(int tensors)
    {
        using MemoryStream stream = new();
        SafetensorsWriter.Write(
            stream,
            [
                .. Enumerable.Range(0, tensors).Select(static i => SafetensorsTensor.Floats($"block.{i}.weight", [i + 1, 3], new float[(i + 1) * 3])),
                SafetensorsTensor.Integers("step", [], new long[1]),
            ],
            new Dictionary<string, string> { ["format"] = "pt" });
        return stream.ToArray();
    }
}
