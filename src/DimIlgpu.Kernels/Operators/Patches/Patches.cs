using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Cuts samples into patches, and puts them together again.</summary>
/// <remarks>
/// <para>
/// A sample is channel last, (frame, row, column, channel), one row of a tensor. Its patches are rows of another:
/// tokens in the order frame, row, column; inside a patch (frame, row, column, channel).
/// </para>
/// <para>Both are permutations of the same elements, so each is the other's inverse and its adjoint.</para>
/// </remarks>
public static class Patches
{
    /// <summary>Cuts samples into patches.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="samples">Input, (B, F·H·W·C).</param>
    /// <param name="patches">Receives the patches, (B·L, p_t·p·p·C).</param>
    /// <param name="layout">The sizes of both.</param>
    /// <exception cref="ArgumentException">A shape does not fit <paramref name="layout"/>.</exception>
    public static void Patchify(Device device, Tensor samples, Sink patches, PatchLayout layout)
    {
        CheckShapes(samples, patches.Tensor, layout);
        if (PatchQuads.Fit(device, samples, patches.Tensor, layout))
        {
            Groups(device, samples, patches, new(layout, samples.Rows, samples.Pitch, patches.Tensor.Pitch), isInverse: false);
            return;
        }

        PatchIndex index = new(layout, samples.Pitch, patches.Tensor.Pitch);
        device.Rows(
            new PatchesForward(samples.Memory, patches.Tensor.Memory, index, patches.Add ? 1 : 0),
            Lines(samples, layout), layout.Width * layout.Channels, Widest(device, layout));
    }

    /// <summary>Puts patches together.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="patches">Input, (B·L, p_t·p·p·C); may be some columns of a wider tensor.</param>
    /// <param name="samples">Receives the samples, (B, F·H·W·C).</param>
    /// <param name="layout">The sizes of both.</param>
    /// <exception cref="ArgumentException">A shape does not fit <paramref name="layout"/>.</exception>
    public static void Unpatchify(Device device, Tensor patches, Sink samples, PatchLayout layout)
    {
        CheckShapes(samples.Tensor, patches, layout);
        if (PatchQuads.Fit(device, samples.Tensor, patches, layout))
        {
            Groups(device, patches, samples, new(layout, samples.Tensor.Rows, samples.Tensor.Pitch, patches.Pitch), isInverse: true);
            return;
        }

        PatchIndex index = new(layout, samples.Tensor.Pitch, patches.Pitch);
        device.Rows(
            new PatchesInverse(patches.Memory, samples.Tensor.Memory, index, samples.Add ? 1 : 0),
            Lines(samples.Tensor, layout), layout.Width * layout.Channels, Widest(device, layout));
    }

    private static void Groups(Device device, Tensor from, Sink to, PatchQuads index, bool isInverse)
    {
        Index3D groups = new((int)(((long)index.Count + PatchQuads.Threads - 1) / PatchQuads.Threads), 1, 1);
        if (from.ElementType == ElementType.BFloat16)
        {
            device.Groups(new PatchesGroups<NarrowQuad>(from.Memory, Target.Of(to, from), index, isInverse ? 1 : 0), groups, PatchQuads.Threads);
        }
        else
        {
            device.Groups(new PatchesGroups<FloatQuad>(from.Memory, Target.Of(to, from), index, isInverse ? 1 : 0), groups, PatchQuads.Threads);
        }
    }

    private static long Lines(Tensor samples, PatchLayout layout) => samples.Rows * layout.Frames * layout.Height;

    // A lane must not cross from one patch to the next: p·C values of a line are adjacent in both tensors.
    private static int Widest(Device device, PatchLayout layout) => device.Lane(layout.Patch * layout.Channels);

    private static void CheckShapes(Tensor samples, Tensor patches, PatchLayout layout)
    {
        Check.NotEmpty(samples);
        Check.Shape(samples, new(samples.Rows, layout.SampleLength));
        Check.Shape(patches, new(samples.Rows * layout.Tokens, layout.PatchLength));
    }
}
