using DimIlgpu.Model.Weights;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class AtomicFileTests
{
    [Fact]
    public void Replaces_the_file_and_leaves_nothing_else()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("a.bin", [1, 2, 3]);
        AtomicFile.Write(path, static stream => stream.Write([4, 5]));
        Assert.Equal([4, 5], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_full_disk_leaves_the_old_file_and_no_temporary()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("a.bin", [1, 2, 3]);
        IOException fault = Assert.Throws<IOException>(() => AtomicFile.Write(path, static stream =>
        {
            stream.Write(new byte[100_000]);
            throw new IOException("No space left on device");
        }));
        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
        Assert.Contains("No space left", fault.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Any_other_fault_passes_through_and_cleans_up()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "new.bin");
        Assert.Throws<NotSupportedException>(() => AtomicFile.Write(path, static _ => throw new NotSupportedException()));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_missing_folder_is_named()
    {
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "none", "a.bin");
        Assert.Contains(path, Assert.Throws<IOException>(() => AtomicFile.Write(path, static _ => { })).Message, StringComparison.Ordinal);
    }
}
