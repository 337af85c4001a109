using DimIlgpu.Model.Data;

namespace DimIlgpu.Imaging;

/// <summary>Samples that are shown or written together.</summary>
/// <param name="Samples">The images by sample, then frame, as <see cref="SampleImages.ToImages"/> returns them.</param>
/// <param name="Labels">The name of the class of each sample, or null.</param>
public sealed record SampleSet(IReadOnlyList<IReadOnlyList<RawImage>> Samples, IReadOnlyList<string>? Labels = null)
{
    /// <summary>Samples per row of a grid; chosen when null.</summary>
    public int? Columns { get; init; }

    /// <summary>The side of the square that each pixel becomes in a grid; chosen when null.</summary>
    public int? Scale { get; init; }

    /// <summary>How fast clips play.</summary>
    public int FramesPerSecond { get; init; } = 8;
}
