namespace DimIlgpu.Model.Data;

/// <summary>Which part of a data set.</summary>
public enum DataSplit
{
    /// <summary>The part that is trained on.</summary>
    Train,

    /// <summary>The part that is never trained on.</summary>
    HeldOut,
}

/// <summary>Labelled images, clips or latents of one shape.</summary>
/// <remarks>Reading is safe from several threads at once and gives the same values every time.</remarks>
public interface IDataSet
{
    /// <summary>A short name for people: <c>shapes</c>, or the path that was read.</summary>
    string Name { get; }

    /// <summary>The shape of every sample.</summary>
    SampleShape Shape { get; }

    /// <summary>The names of the classes; a label is an index into them.</summary>
    IReadOnlyList<string> Classes { get; }

    /// <summary>Whether a mirrored sample is as good as the original (false for digits and letters).</summary>
    bool AllowsHorizontalFlip { get; }

    /// <summary>Whether values are latents of an autoencoder rather than pixels in [−1, 1].</summary>
    bool IsLatent { get; }

    /// <summary>The number of samples of <paramref name="split"/>.</summary>
    int Count(DataSplit split);

    /// <summary>Reads one sample, channel last, pixels normalised to [−1, 1].</summary>
    /// <param name="split">The part to read from.</param>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    /// <param name="values">Receives <see cref="SampleShape.Length"/> values.</param>
    /// <returns>The label.</returns>
    int Read(DataSplit split, int index, Span<float> values);
}
