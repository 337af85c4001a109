using System.Formats.Tar;
using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class ImageFolderDataSetTests
{
    private static readonly FakeCodec Codec = new();

    [Theory]
    [InlineData(1L << 30)]
    [InlineData(0L)]
    public void Class_folders_are_read_decoded_at_once_or_on_demand(long memory)
    {
        using TemporaryFolder folder = new();
        for (int i = 0; i < 40; i++)
        {
            folder.Write($"{(i % 2 == 0 ? "dog" : "cat")}/{i:D2}.raw", FakeCodec.Encode(2, 2, (byte)i));
        }

        folder.Write("dog/notes.txt", [1]);
        ImageFolderDataSet data = ImageFolderDataSet.Open(
            folder.Path, Codec, new() { DecodedBytesInMemory = memory }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(["cat", "dog"], data.Classes);
        Assert.Equal((38, 2), (data.Count(DataSplit.Train), data.Count(DataSplit.HeldOut)));
        Assert.Equal(new(1, 2, 2, 3), data.Shape);
        float[] values = new float[12];
        HashSet<float> seen = [];
        foreach (DataSplit split in Enum.GetValues<DataSplit>())
        {
            for (int i = 0; i < data.Count(split); i++)
            {
                int label = data.Read(split, i, values);
                int image = (int)MathF.Round((values[0] + 1) * 127.5f);
                Assert.Equal(image % 2 == 0 ? 1 : 0, label);
                seen.Add(image);
            }
        }

        Assert.Equal(40, seen.Count);
    }

    [Theory]
    [InlineData("", "val")]
    [InlineData("root/", "test")]
    public void Train_and_test_folders_are_the_parts(string root, string heldOut)
    {
        using TemporaryFolder folder = new();
        folder.Write($"{root}train/a/1.raw", FakeCodec.Encode(1, 1, 1));
        folder.Write($"{root}train/b/deep/2.raw", FakeCodec.Encode(1, 1, 2));
        folder.Write($"{root}{heldOut}/b/3.raw", FakeCodec.Encode(1, 1, 3));
        ImageFolderDataSet data = ImageFolderDataSet.Open(folder.Path, Codec, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(["a", "b"], data.Classes);
        Assert.Equal((2, 1), (data.Count(DataSplit.Train), data.Count(DataSplit.HeldOut)));
        Assert.Equal(1, data.Read(DataSplit.HeldOut, 0, new float[3]));
    }

    [Fact]
    public void Images_of_other_sizes_are_cut_and_resized()
    {
        using TemporaryFolder folder = new();
        folder.Write("a/1.raw", FakeCodec.Encode(7, 5, 90));
        folder.Write("a/2.raw", FakeCodec.Encode(2, 2, 91));
        string message = Assert.Throws<InvalidDataException>(() => ImageFolderDataSet.Open(folder.Path, Codec, cancellation: TestContext.Current.CancellationToken)).Message;
        Assert.Contains("--size", message, StringComparison.Ordinal);
        ImageFolderDataSet data = ImageFolderDataSet.Open(folder.Path, Codec, new() { Size = 3 }, cancellation: TestContext.Current.CancellationToken);
        float[] values = new float[27];
        foreach (DataSplit split in Enum.GetValues<DataSplit>())
        {
            data.Read(split, 0, values);
            Assert.All(values, static value => Assert.InRange((value + 1) * 127.5f, 89.9f, 91.1f));
        }
    }

    [Fact]
    public void Resizing_averages_areas_and_interpolates()
    {
        byte[] target = new byte[12];
        SquareImage.CropAndResize(new(6, 4, 1, [.. Enumerable.Range(0, 24).Select(static i => (byte)(i % 6 * 10))]), 2, target);
        Assert.Equal([15, 15, 15, 35, 35, 35, 15, 15, 15, 35, 35, 35], target);
        target = new byte[27];
        SquareImage.CropAndResize(new(2, 2, 1, [0, 100, 0, 100]), 3, target);
        Assert.Equal([0, 50, 100], target.Where((_, i) => i % 3 == 0).Take(3));
    }

    [Fact]
    public void Faults_name_the_folder_or_the_image()
    {
        using TemporaryFolder folder = new();
        folder.Write("loose.raw", FakeCodec.Encode(1, 1, 1));
        Assert.Equal(
            $"{folder.Path}: holds no class folders with images.",
            Assert.Throws<InvalidDataException>(() => ImageFolderDataSet.Open(folder.Path, Codec, cancellation: TestContext.Current.CancellationToken)).Message);
        folder.Write("a/1.raw", FakeCodec.Encode(1, 1, 1));
        string bad = folder.Write("a/2.raw", [9]);
        Assert.Equal($"{bad}: is not an image.", Assert.Throws<InvalidDataException>(() => ImageFolderDataSet.Open(folder.Path, Codec, cancellation: TestContext.Current.CancellationToken)).Message);
        Assert.Throws<FileNotFoundException>(() => ImageFolderDataSet.Open("nowhere.tar", Codec, cancellation: TestContext.Current.CancellationToken));
        Assert.ThrowsAny<OperationCanceledException>(() => ImageFolderDataSet.Open(folder.Path, Codec, cancellation: new(true)));
    }

    [Theory]
    [InlineData(TarEntryFormat.Ustar, false)]
    [InlineData(TarEntryFormat.Gnu, true)]
    [InlineData(TarEntryFormat.Pax, true)]
    public void Archives_of_every_format_are_read(TarEntryFormat format, bool zipped)
    {
        string longName = format == TarEntryFormat.Ustar ? "b/2.raw" : $"train/b/{new string('n', 150)}.raw";
        byte[] tar = Tar(format, ("train/a/1.raw", FakeCodec.Encode(20, 20, 4)), (longName, FakeCodec.Encode(20, 20, 5)), ("test/a/1.txt", [1]), ("test/b/3.raw", FakeCodec.Encode(20, 20, 6)));
        using TemporaryFolder folder = new();
        string path = folder.Write(zipped ? "x.tgz" : "x.tar", zipped ? IdxBytes.Zip(tar) : tar);
        ImageFolderDataSet data = ImageFolderDataSet.Open(path, Codec, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal((format == TarEntryFormat.Ustar ? 1 : 2, 1), (data.Count(DataSplit.Train), data.Count(DataSplit.HeldOut)));
        float[] values = new float[1200];
        data.Read(DataSplit.HeldOut, 0, values);
        Assert.Equal((6 / 127.5f) - 1, values[1199]);
    }

    [Fact]
    public void Damaged_archives_are_refused()
    {
        byte[] tar = Tar(TarEntryFormat.Ustar, ("train/a/1.raw", FakeCodec.Encode(20, 20, 4)));
        using TemporaryFolder folder = new();
        Fails("more than the archive still holds", tar[..1000]);
        Fails("damaged or cut short", tar[..^1024]);
        Fails("damaged or cut short", IdxBytes.Zip(tar)[..60]);
        Fails("is no tar archive", new byte[511]);
        Fails("the sum of an entry's header is wrong", [.. tar[..10], 77, .. tar[11..]]);

        // A size of 8 GB in a file of 2 KB, with its sum put right.
        byte[] lie = [.. tar];
        "77777777777"u8.CopyTo(lie.AsSpan(124));
        int sum = lie.Take(512).Select(static (value, i) => i is >= 148 and < 156 ? ' ' : (int)value).Sum();
        System.Text.Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0')).CopyTo(lie, 148);
        Fails("more than the archive still holds", lie);
        Fails("more than the 268435456 allowed", IdxBytes.Zip(lie));

        void Fails(string fault, byte[] bytes)
        {
            string path = folder.Write("x.tar", bytes);
            string message = Assert.Throws<InvalidDataException>(() => ImageFolderDataSet.Open(path, Codec, cancellation: TestContext.Current.CancellationToken)).Message;
            Assert.StartsWith(path, message, StringComparison.Ordinal);
            Assert.Contains(fault, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_cifar_archive_lists_all_its_images()
    {
        string path = SharedData.Find("cifar10/cifar10-jpeg-q75.tar.gz");
        using FileStream stream = File.OpenRead(path);
        int count = TarArchive.Read(stream, path, static name => name.EndsWith(".jpg", StringComparison.Ordinal))
            .Count(static file => file.Bytes is [0xFF, 0xD8, .., 0xFF, 0xD9]);
        Assert.Equal(60_000, count);
    }

    private static byte[] Tar(TarEntryFormat format, params (string Name, byte[] Bytes)[] files)
    {
        using MemoryStream stream = new();
        using (TarWriter writer = new(stream, format, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in files)
            {
                using MemoryStream content = new(bytes);
                TarEntry entry = format switch
                {
                    TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
                    TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, name),
                    _ => new PaxTarEntry(TarEntryType.RegularFile, name),
                };
                entry.DataStream = content;
                writer.WriteEntry(entry);
            }
        }

        return stream.ToArray();
    }
}
