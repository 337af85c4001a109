using System.Buffers.Binary;
using System.Text;
using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class IdxDataSetTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_folder_with_mnist_names_is_read(bool zipped)
    {
        using TemporaryFolder folder = new();
        Write(folder, "train-images-idx3-ubyte", IdxBytes.Make([5, 2, 2], static i => (byte)(i * 10)), zipped);
        Write(folder, "train-labels-idx1-ubyte", IdxBytes.Make([5], static i => (byte)(i % 3)), zipped);
        Write(folder, "t10k-images-idx3-ubyte", IdxBytes.Make([2, 2, 2], static _ => 255), zipped);
        Write(folder, "t10k-labels-idx1-ubyte", IdxBytes.Make([2], static _ => 3), zipped);
        folder.Write("classes.txt", Encoding.UTF8.GetBytes("0\tzero\n1\tone\n2\ttwo\n3\tthree\n"));
        IdxDataSet data = IdxDataSet.Open(folder.Path, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(new(1, 2, 2, 1), data.Shape);
        Assert.Equal((5, 2), (data.Count(DataSplit.Train), data.Count(DataSplit.HeldOut)));
        Assert.Equal(["zero", "one", "two", "three"], data.Classes);
        Assert.False(data.AllowsHorizontalFlip);
        float[] values = new float[4];
        Assert.Equal(1, data.Read(DataSplit.Train, 1, values));
        Assert.Equal([(40 / 127.5f) - 1, (50 / 127.5f) - 1, (60 / 127.5f) - 1, (70 / 127.5f) - 1], values);
        Assert.Equal(3, data.Read(DataSplit.HeldOut, 0, values));
        Assert.All(values, static value => Assert.Equal(1, value));
    }

    [Fact]
    public void Clips_are_held_out_in_whole_groups_and_take_the_first_label()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("clips-idx5.gz", IdxBytes.Zip(IdxBytes.Make([360, 2, 2, 2, 3], static i => (byte)(i / 24 / 9))));
        folder.Write("labels-idx2.gz", IdxBytes.Zip(IdxBytes.Make([360, 2], static i => (byte)(i % 2 == 0 ? i / 2 % 9 : 200))));
        IdxDataSet data = IdxDataSet.Open(path, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(new(2, 2, 2, 3), data.Shape);
        Assert.Equal((342, 18), (data.Count(DataSplit.Train), data.Count(DataSplit.HeldOut)));
        Assert.Equal(9, data.Classes.Count);
        float[] values = new float[24];
        HashSet<float> trained = [];
        HashSet<float> held = [];
        for (int i = 0; i < 342; i++)
        {
            Assert.Equal(i % 9, data.Read(DataSplit.Train, i, values));
            trained.Add(values[0]);
        }

        for (int i = 0; i < 18; i++)
        {
            Assert.Equal(i % 9, data.Read(DataSplit.HeldOut, i, values));
            held.Add(values[0]);
        }

        Assert.Equal((38, 2), (trained.Count, held.Count));
        Assert.Empty(trained.Intersect(held));
    }

    [Fact]
    public void Without_labels_there_is_one_class()
    {
        using TemporaryFolder folder = new();
        folder.Write("frames-idx4", IdxBytes.Make([40, 2, 2, 3], static i => (byte)i));
        IdxDataSet data = IdxDataSet.Open(folder.Path, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(["all"], data.Classes);
        Assert.Equal((38, 2), (data.Count(DataSplit.Train), data.Count(DataSplit.HeldOut)));
    }

    [Fact]
    public void Small_images_are_padded_and_large_ones_averaged()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("a-idx3", IdxBytes.Make([2, 2, 2], static i => (byte)(i % 4 * 50)));
        float[] values = new float[16];
        IdxDataSet.Open(path, new() { Size = 4 }, cancellation: TestContext.Current.CancellationToken).Read(DataSplit.Train, 0, values);
        byte[] expected = [0, 0, 0, 0, 0, 0, 50, 0, 0, 100, 150, 0, 0, 0, 0, 0];
        Assert.Equal(expected.Select(static b => (b / 127.5f) - 1), values);

        values = new float[1];
        IdxDataSet.Open(path, new() { Size = 1 }, cancellation: TestContext.Current.CancellationToken).Read(DataSplit.Train, 0, values);
        Assert.Equal((75 / 127.5f) - 1, values[0]);

        string odd = folder.Write("b-idx3", IdxBytes.Make([2, 3, 3], static _ => 1));
        string message = Assert.Throws<ArgumentException>(() => IdxDataSet.Open(odd, new() { Size = 2 }, cancellation: TestContext.Current.CancellationToken)).Message;
        Assert.Contains("3×3 images, which cannot become 2×2", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_fault_names_the_file()
    {
        using TemporaryFolder folder = new();
        byte[] good = IdxBytes.Make([3, 2, 2], static i => (byte)i);
        byte[] zipped = IdxBytes.Zip(good);
        Fails("is not an idx file", [0, 0, 9, 3, .. good[4..]]);
        Fails("is not an idx file", []);
        Fails("has 6 dimensions", [0, 0, 8, 6, .. good[4..], .. new byte[16]]);
        Fails("within its header", good[..10]);
        Fails("dimension 1 is 0", [.. good[..8], 0, 0, 0, 0, .. good[12..]]);
        Fails("11 bytes follow", good[..^1]);
        Fails("13 bytes follow", [.. good, 0]);
        Fails("ends before the last sample", IdxBytes.Zip(good[..^1]));
        Fails("goes on after the last sample", IdxBytes.Zip([.. good, 0]));
        Fails("", zipped[..^16]);
        Fails("damaged", [.. zipped[..^8], (byte)(zipped[^8] ^ 1), .. zipped[^7..]]);
        Fails("2³¹", [0, 0, 8, 3, 0, 0, 0, 1, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]);
        Fails("expected 3 to 5", IdxBytes.Make([3, 4], static _ => 0));
        Fails("has 2 channels", IdxBytes.Make([3, 2, 2, 2], static _ => 0));

        void Fails(string fault, byte[] bytes)
        {
            string path = folder.Write("x-idx3", bytes);
            string message = Assert.Throws<InvalidDataException>(() => IdxDataSet.Open(path, cancellation: TestContext.Current.CancellationToken)).Message;
            Assert.StartsWith(path, message, StringComparison.Ordinal);
            Assert.Contains(fault, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Files_that_do_not_fit_each_other_are_refused()
    {
        using TemporaryFolder folder = new();
        string images = folder.Write("train-images-idx3", IdxBytes.Make([3, 2, 2], static i => (byte)i));
        folder.Write("train-labels-idx1", IdxBytes.Make([4], static _ => 0));
        Assert.Contains("labels for 4 samples", Assert.Throws<InvalidDataException>(() => IdxDataSet.Open(images, cancellation: TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        folder.Write("train-labels-idx1", IdxBytes.Make([3], static _ => 5));
        folder.Write("classes.txt", "a\nb\n"u8.ToArray());
        Assert.Contains("names 2 classes", Assert.Throws<InvalidDataException>(() => IdxDataSet.Open(images, cancellation: TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        folder.Write("t10k-images-idx3", IdxBytes.Make([3, 2, 2], static i => (byte)i));
        Assert.Contains("has no labels", Assert.Throws<InvalidDataException>(() => IdxDataSet.Open(folder.Path, cancellation: TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => IdxDataSet.Open(Path.Combine(folder.Path, "none"), cancellation: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_lying_gz_header_costs_no_memory()
    {
        byte[] bytes = IdxBytes.Make([3, 2, 2], static i => (byte)i);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), 30_000);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(12), 30_000);
        using MemoryStream stream = new(IdxBytes.Zip(bytes));
        long before = GC.GetAllocatedBytesForCurrentThread();
        using IdxFile file = IdxFile.Open(stream, "bomb");
        Assert.Throws<InvalidDataException>(() => IdxPart.ReadImages(file, null, null, TestContext.Current.CancellationToken));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 300_000);
    }

    [Fact]
    public void Fashion_mnist_is_read()
    {
        string path = SharedData.Find("fashion-mnist");
        IdxDataSet data = IdxDataSet.Open(path, new() { Size = 32 }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(new(1, 32, 32, 1), data.Shape);
        Assert.Equal((60_000, 10_000, 10), (data.Count(DataSplit.Train), data.Count(DataSplit.HeldOut), data.Classes.Count));
        float[] values = new float[1024];
        Assert.Equal(9, data.Read(DataSplit.Train, 0, values));
        Assert.True(values.Max() > 0.9f && values[0] == -1);
    }

    [Fact]
    public void Sprites_are_read_and_made_smaller()
    {
        string path = SharedData.Find("lpc-sprites/sprites-64-idx5.gz");
        IdxDataSet data = IdxDataSet.Open(path, new() { Size = 16 }, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(new(8, 16, 16, 3), data.Shape);
        Assert.Equal(11_664, data.Count(DataSplit.Train) + data.Count(DataSplit.HeldOut));
        Assert.Equal(65 * 9, data.Count(DataSplit.HeldOut));
        Assert.Equal(9, data.Classes.Count);
    }

    private static void Write(TemporaryFolder folder, string name, byte[] bytes, bool zipped) =>
        folder.Write(zipped ? $"{name}.gz" : name, zipped ? IdxBytes.Zip(bytes) : bytes);
}
