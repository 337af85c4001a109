using DimIlgpu.Model.Data;

namespace DimIlgpu.Tests;

/// <summary>A codec for files of (width, height, then red, green, blue of every pixel), ending in .raw.</summary>
internal sealed class FakeCodec : IImageCodec
{
    public static byte[] Encode(int width, int height, byte value) =>
        [(byte)width, (byte)height, .. Enumerable.Repeat(value, width * height * 3)];

    public bool CanDecode(string fileName) => fileName.EndsWith(".raw", StringComparison.Ordinal);

    public RawImage Decode(ReadOnlySpan<byte> file, string fileName) =>
        file.Length > 2 && file.Length == 2 + (file[0] * file[1] * 3)
            ? new(file[0], file[1], 3, file[2..].ToArray())
            : throw new InvalidDataException($"{fileName}: is not an image.");
}
