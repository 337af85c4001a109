using DimIlgpu.Imaging;
using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class GridTests
{
    private static readonly (byte, byte, byte) Ground = (247, 247, 249);

    [Fact]
    public void Tiles_stand_where_padding_and_scale_put_them()
    {
        RawImage[] images = [.. Enumerable.Range(0, 5).Select(i => TestImages.Flat(4, 2, (byte)(10 * i), 1, 2))];
        RawImage grid = Grid.Compose(images, new GridOptions { Columns = 3, Scale = 5, Padding = 7 });

        Assert.Equal((14 + (3 * 20) + (2 * 7) + 14, 14 + (2 * 10) + 7 + 14), (grid.Width, grid.Height));
        for (int i = 0; i < 5; i++)
        {
            (int left, int top) = (14 + (i % 3 * 27), 14 + (i / 3 * 17));
            Assert.Equal(((byte)(10 * i), (byte)1, (byte)2), TestImages.Pixel(grid, left, top));
            Assert.Equal(((byte)(10 * i), (byte)1, (byte)2), TestImages.Pixel(grid, left + 19, top + 9));
            Assert.Equal(Ground, TestImages.Pixel(grid, left - 1, top));
            Assert.Equal(Ground, TestImages.Pixel(grid, left + 20, top + 9));
            Assert.Equal(Ground, TestImages.Pixel(grid, left, top + 10));
        }

        Assert.Equal(Ground, TestImages.Pixel(grid, 14 + 54, 14 + 17));
    }

    [Fact]
    public void Pixels_become_squares()
    {
        RawImage image = TestImages.Noise(3, 2, 3);
        RawImage grid = Grid.Compose([image], new GridOptions { Scale = 4 });
        for (int y = 0; y < 8; y++)
        {
            for (int x = 0; x < 12; x++)
            {
                Assert.Equal(TestImages.Pixel(image, x / 4, y / 4), TestImages.Pixel(grid, 12 + x, 12 + y));
            }
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(28)]
    [InlineData(32)]
    [InlineData(64)]
    [InlineData(128)]
    public void Samples_are_shown_large_enough_to_see(int side)
    {
        RawImage grid = Grid.Compose([TestImages.Noise(side, side, 1)]);
        Assert.InRange(grid.Width - 24, 64, 128);
    }

    [Fact]
    public void Labels_widen_the_picture_and_are_drawn()
    {
        Assert.SkipUnless(InstalledFont.IsAvailable, InstalledFont.Advice);
        RawImage[] images = [.. Enumerable.Range(0, 4).Select(i => TestImages.Flat(16, 16, 0, 0, 0))];
        GridOptions plain = new() { Columns = 2 };
        RawImage without = Grid.Compose(images, plain);
        RawImage with = Grid.Compose(images, plain with { RowLabels = ["red circle", "blue square"] });
        Assert.Equal(without.Height, with.Height);
        Assert.InRange(with.Width - without.Width, 40, 140);
        Assert.Contains(Enumerable.Range(12, 60), x => TestImages.Pixel(with, x, 12 + 48).Red < 150);
    }

    [Fact]
    public void Long_caption_stays_within_its_tile()
    {
        RawImage grid = Grid.Compose(
            [TestImages.Flat(16, 16, 0, 0, 0)],
            new GridOptions { Captions = ["a name that is far too long to stand below one small tile"] });
        Assert.Equal(96 + 24, grid.Width);
    }

    [Fact]
    public void Labels_must_match_what_they_name() =>
        Assert.Throws<ArgumentException>(() => Grid.Compose([TestImages.Noise(4, 4, 3)], new GridOptions { RowLabels = ["a", "b"] }));

    [Fact]
    public void Scale_that_was_not_asked_for_shrinks_until_the_picture_can_be_written()
    {
        RawImage[] images = [.. Enumerable.Repeat(TestImages.Noise(16, 16, 1), 300)];
        Assert.InRange(Grid.Compose(images, new GridOptions { Columns = 300 }).Width, 10_000, 16_383);
        Assert.Throws<ArgumentException>(() => Grid.Compose(images, new GridOptions { Columns = 300, Scale = 8 }));
    }

    [Fact]
    public void Contact_sheet_has_a_row_per_clip_and_a_column_per_frame()
    {
        RawImage[][] clips = [.. Enumerable.Range(0, 3).Select(clip =>
            Enumerable.Range(0, 5).Select(frame => TestImages.Flat(8, 8, (byte)clip, (byte)frame, 0)).ToArray())];
        RawImage sheet = ContactSheet.Compose(clips, labels: null, scale: 4);
        int head = sheet.Height - 20 - (3 * 32) - (2 * 10) - 20;
        Assert.Equal(20 + (5 * 32) + (4 * 2) + 20, sheet.Width);
        Assert.Equal(((byte)2, (byte)3, (byte)0), TestImages.Pixel(sheet, 20 + (3 * 34), 20 + head + (2 * 42)));
    }
}
