using DimIlgpu.Imaging;
using DimIlgpu.Model.Data;
using SkiaSharp;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SampleWriterTests
{
    private readonly SkiaImageCodec codec = new();

    [Fact]
    public void Images_are_written_as_a_grid_and_one_by_one()
    {
        using TemporaryFolder folder = new();
        SampleSet set = new(Clips(count: 3, frames: 1), ["red circle", "../Blue\\..square", ""]);
        IReadOnlyList<string> written = SampleWriter.WriteAll(folder.File("new/samples"), set);

        Assert.Equal(
            ["grid.png", "000-red-circle.png", "001-blue-square.png", "002.png"],
            written.Select(Path.GetFileName));
        Assert.Equal(
            set.Samples[1][0].Pixels,
            this.codec.Decode(File.ReadAllBytes(written[2]), written[2]).Pixels);
        Assert.Equal(4, Directory.GetFiles(folder.File("new/samples")).Length);
    }

    [Fact]
    public void Clips_play_together_one_by_one_and_stand_still()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<string> written = SampleWriter.WriteAll(folder.Path, new SampleSet(Clips(count: 4, frames: 5), ["a", "a", "b", "b"]));

        Assert.Equal(
            ["grid.webp", "contact-sheet.png", "000-a.webp", "001-a.webp", "002-b.webp", "003-b.webp"],
            written.Select(Path.GetFileName));
        foreach (string path in written.Where(path => path.EndsWith(".webp", StringComparison.Ordinal)))
        {
            using SKCodec read = SKCodec.Create(path);
            Assert.Equal(5, read.FrameCount);
        }
    }

    [Fact]
    public void Sheet_with_an_ending_that_cannot_hold_it_is_refused()
    {
        using TemporaryFolder folder = new();
        SampleSet still = new(Clips(count: 1, frames: 1));
        Assert.Contains(".png", Assert.Throws<ArgumentException>(() => SampleWriter.WriteSheet(folder.File("a.webp"), still)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => SampleWriter.WriteSheet(folder.File("a.gif"), new SampleSet(Clips(1, 2))));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Folder_that_is_a_file_is_an_error_that_names_the_path()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("taken"), "here first");
        IOException fault = Assert.Throws<IOException>(() => SampleWriter.WriteEach(folder.File("taken"), new SampleSet(Clips(1, 1))));
        Assert.Contains("taken", fault.Message, StringComparison.Ordinal);
        Assert.Equal("here first", File.ReadAllText(folder.File("taken")));
    }

    private static RawImage[][] Clips(int count, int frames) =>
        [.. Enumerable.Range(0, count).Select(sample =>
            Enumerable.Range(0, frames).Select(frame => TestImages.Noise(8, 8, 3, (sample * frames) + frame)).ToArray())];
}
