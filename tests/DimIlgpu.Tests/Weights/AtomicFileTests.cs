using System.Text;
using DimIlgpu.Model.Weights;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class AtomicFileTests
{
    [Fact]
    public void New_contents_replace_the_earlier_ones()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("a.bin");
        File.WriteAllText(path, "earlier and longer");
        AtomicFile.Write(path, stream => stream.Write("new"u8));
        Assert.Equal("new", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Write_that_fails_half_way_leaves_the_earlier_file_and_nothing_else()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("a.bin");
        File.WriteAllText(path, "earlier");
        IOException fault = Assert.Throws<IOException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(Encoding.UTF8.GetBytes("half"));
            throw new IOException("No space left on device.");
        }));
        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
        Assert.Contains("No space left", fault.Message, StringComparison.Ordinal);
        Assert.Equal("earlier", File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Faults_of_the_writer_pass_through()
    {
        using TemporaryFolder folder = new();
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(folder.File("a.bin"), _ => throw new InvalidOperationException()));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }
}
