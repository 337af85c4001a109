using System.Runtime.CompilerServices;
using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>Refuses images whose sizes and pixels do not agree.</summary>
internal static class RawImageCheck
{
    public static void Require(RawImage image, [CallerArgumentExpression(nameof(image))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(image, name);
        if (image.Width < 1 || image.Height < 1 || image.Channels is not (1 or 3))
        {
            throw new ArgumentException(
                $"The image is {image.Width}×{image.Height}×{image.Channels}; expected at least 1×1 pixels of 1 or 3 channels.", name);
        }

        long expected = (long)image.Width * image.Height * image.Channels;
        if (image.Pixels.Length != expected)
        {
            throw new ArgumentException(
                $"The image of {image.Width}×{image.Height}×{image.Channels} has {image.Pixels.Length} bytes; expected {expected}.", name);
        }
    }

    public static void RequireOneSize(
        IReadOnlyList<RawImage> images,
        [CallerArgumentExpression(nameof(images))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(images, name);
        if (images.Count == 0)
        {
            throw new ArgumentException("There are no images; expected at least one.", name);
        }

        foreach (RawImage image in images)
        {
            Require(image, name);
            if (image.Width != images[0].Width || image.Height != images[0].Height)
            {
                throw new ArgumentException(
                    $"One image is {image.Width}×{image.Height} where the first is {images[0].Width}×{images[0].Height}; expected one size.", name);
            }
        }
    }
}
