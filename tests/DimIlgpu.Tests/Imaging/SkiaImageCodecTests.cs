using System.Buffers.Binary;
using DimIlgpu.Imaging;
using DimIlgpu.Model.Data;
using SkiaSharp;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class SkiaImageCodecTests
{
    private readonly SkiaImageCodec codec = new();

    [Theory]
    [InlineData("a.png", true)]
    [InlineData("a.JPG", true)]
    [InlineData("a.jpeg", true)]
    [InlineData("a.webp", true)]
    [InlineData("a.gif", true)]
    [InlineData("a.bmp", true)]
    [InlineData("a.txt", false)]
    [InlineData("png", false)]
    public void Knows_which_endings_it_decodes(string name, bool expected) =>
        Assert.Equal(expected, this.codec.CanDecode(name));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 5)]
    [InlineData(64, 33)]
    public void Png_gives_back_every_pixel(int width, int height)
    {
        RawImage image = TestImages.Noise(width, height, 3);
        RawImage decoded = this.codec.Decode(TestImages.Png(image), "noise.png");
        Assert.Equal((width, height, 3), (decoded.Width, decoded.Height, decoded.Channels));
        Assert.Equal(image.Pixels, decoded.Pixels);
    }

    [Fact]
    public void Grey_png_decodes_to_equal_channels()
    {
        RawImage image = TestImages.Noise(9, 4, 1);
        RawImage decoded = this.codec.Decode(TestImages.Png(image), "grey.png");
        Assert.Equal(image.Pixels.SelectMany(grey => new[] { grey, grey, grey }), decoded.Pixels);
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Jpeg, "a.jpg")]
    [InlineData(SKEncodedImageFormat.Webp, "a.webp")]
    public void Lossy_files_decode_close(SKEncodedImageFormat format, string name)
    {
        byte[] rgba = TestImages.GradientRgba(48, 32);
        RawImage decoded = this.codec.Decode(TestImages.Encode(48, 32, rgba, format), name);
        double error = Enumerable.Range(0, 48 * 32 * 3)
            .Average(i => Math.Abs(decoded.Pixels[i] - rgba[(i / 3 * 4) + (i % 3)]));
        Assert.InRange(error, 0, 3);
    }

    [Fact]
    public void Transparency_is_laid_over_white()
    {
        byte[] file = TestImages.Encode(2, 1, [10, 20, 30, 0, 0, 0, 0, 128], SKEncodedImageFormat.Png);
        Assert.Equal([255, 255, 255, 127, 127, 127], this.codec.Decode(file, "clear.png").Pixels);
    }

    [Fact]
    public void Photograph_taken_on_its_side_is_turned_upright()
    {
        byte[] jpeg = TestImages.Encode(48, 32, TestImages.GradientRgba(48, 32), SKEncodedImageFormat.Jpeg);
        byte[] exif =
        [
            0xFF, 0xE1, 0, 34, (byte)'E', (byte)'x', (byte)'i', (byte)'f', 0, 0,
            (byte)'M', (byte)'M', 0, 42, 0, 0, 0, 8, 0, 1,
            0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0,
        ];
        RawImage decoded = this.codec.Decode([.. jpeg[..2], .. exif, .. jpeg[2..]], "portrait.jpg");

        // Orientation 6: the first row as stored is the right edge as seen.
        Assert.Equal((32, 48), (decoded.Width, decoded.Height));
        Assert.InRange(TestImages.Pixel(decoded, 31, 0).Red, 0, 12);
        Assert.InRange(TestImages.Pixel(decoded, 31, 47).Red, 243, 255);
        Assert.InRange(TestImages.Pixel(decoded, 31, 0).Green, 0, 12);
        Assert.InRange(TestImages.Pixel(decoded, 0, 0).Green, 243, 255);
    }

    [Theory]
    [InlineData(1, 0, 1, 2, 3, 4, 5)]
    [InlineData(2, 2, 1, 0, 5, 4, 3)]
    [InlineData(3, 5, 4, 3, 2, 1, 0)]
    [InlineData(4, 3, 4, 5, 0, 1, 2)]
    [InlineData(5, 0, 3, 1, 4, 2, 5)]
    [InlineData(6, 3, 0, 4, 1, 5, 2)]
    [InlineData(7, 5, 2, 4, 1, 3, 0)]
    [InlineData(8, 2, 5, 1, 4, 0, 3)]
    public void Each_orientation_of_exif_is_undone(int orientation, params int[] expected)
    {
        RawImage turned = ExifOrientation.Apply(new RawImage(3, 2, 1, [0, 1, 2, 3, 4, 5]), orientation);
        Assert.Equal(orientation >= 5 ? 2 : 3, turned.Width);
        Assert.Equal(expected, turned.Pixels.Select(pixel => (int)pixel));
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void Truncated_file_is_refused_by_name(SKEncodedImageFormat format)
    {
        byte[] whole = TestImages.Encode(48, 32, TestImages.GradientRgba(48, 32), format);
        foreach (int length in new[] { 0, 1, 12, whole.Length / 2, whole.Length * 3 / 4 })
        {
            InvalidDataException fault = Assert.Throws<InvalidDataException>(() => this.codec.Decode(whole.AsSpan(0, length), "cut.img"));
            Assert.StartsWith("cut.img ", fault.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Garbage_is_refused_by_name()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            byte[] garbage = TestImages.Noise(20, 20, 1, seed).Pixels;
            Assert.Contains("garbage.png", Assert.Throws<InvalidDataException>(() => this.codec.Decode(garbage, "garbage.png")).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Damaged_png_is_refused_or_decoded_but_never_crashes()
    {
        byte[] whole = TestImages.Png(TestImages.Noise(16, 16, 3));
        for (int at = 0; at < whole.Length; at++)
        {
            byte[] damaged = [.. whole];
            damaged[at] ^= 0x55;
            Exception? fault = Record.Exception(() => this.codec.Decode(damaged, "damaged.png"));
            Assert.True(fault is null or InvalidDataException, fault?.ToString());
        }
    }

    [Theory]
    [InlineData(16_385, 1)]
    [InlineData(1, 16_385)]
    [InlineData(16_384, 16_384)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void Header_that_asks_for_gigabytes_is_refused_before_they_are_allocated(int width, int height)
    {
        byte[] file = TestImages.Png(TestImages.Noise(4, 4, 3));
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(16), width);
        BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(20), height);
        WritePngChecksum(file);

        long before = GC.GetAllocatedBytesForCurrentThread();
        InvalidDataException fault = Assert.Throws<InvalidDataException>(() => this.codec.Decode(file, "bomb.png"));
        Assert.Contains("bomb.png", fault.Message, StringComparison.Ordinal);
        if (width < int.MaxValue)
        {
            // Larger headers the codec refuses itself, without telling the size.
            Assert.Contains($"{width}×{height}", fault.Message, StringComparison.Ordinal);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Animated_webp_has_its_frames_its_times_and_no_end()
    {
        RawImage[] frames = [.. Enumerable.Range(0, 6).Select(i => TestImages.Noise(20, 12, 3, i))];
        using MemoryStream stream = new();
        SkiaImageCodec.EncodeAnimatedWebP(frames, 24, stream);

        using SKData data = SKData.CreateCopy(stream.ToArray());
        using SKCodec read = SKCodec.Create(data);
        Assert.Equal(6, read.FrameCount);
        Assert.Equal(250, read.FrameInfo.Sum(frame => frame.Duration));
        Assert.Equal(-1, read.RepetitionCount);
        Assert.Equal(frames[0].Pixels, this.codec.Decode(stream.ToArray(), "clip.webp").Pixels);
    }

    [Fact]
    public void Images_that_do_not_add_up_are_refused()
    {
        using MemoryStream stream = new();
        Assert.Throws<ArgumentException>(() => SkiaImageCodec.EncodePng(new RawImage(2, 2, 3, new byte[11]), stream));
        Assert.Throws<ArgumentException>(() => SkiaImageCodec.EncodePng(new RawImage(2, 2, 4, new byte[16]), stream));
        Assert.Throws<ArgumentException>(() => SkiaImageCodec.EncodeAnimatedWebP([], 8, stream));
        Assert.Throws<ArgumentException>(() => SkiaImageCodec.EncodeAnimatedWebP(
            [TestImages.Noise(2, 2, 3), TestImages.Noise(2, 3, 3)], 8, stream));
        Assert.Equal(0, stream.Length);
    }

    /// <summary>Makes the checksum of the first chunk, IHDR, right again.</summary>
    private static void WritePngChecksum(byte[] file)
    {
        uint remainder = uint.MaxValue;
        foreach (byte value in file.AsSpan(12, 17))
        {
            remainder ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                remainder = (remainder >> 1) ^ (0xEDB88320u & (0u - (remainder & 1)));
            }
        }

        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(29), ~remainder);
    }
}
