using System.Buffers;
using DimIlgpu.Model.Weights;

namespace DimIlgpu.Model.Data;

/// <summary>Latents of an autoencoder, computed beforehand and kept in a safetensors file.</summary>
/// <remarks>
/// Tensor <c>latents</c> (F32, F16, BF16) of (N, C, H, W) or (N, C, F, H, W), scaled as the model is to see them; optional
/// tensor <c>labels</c> (I64, I32, U8) of (N). 5 % are held out. Read from the file at each use; the file stays open.
/// </remarks>
public sealed class LatentDataSet : IDataSet, IDisposable
{
    private const string LatentsName = "latents";
    private const string LabelsName = "labels";
    private const int MostChannels = 1024;
    private readonly SafetensorsReader reader;
    private readonly int[] labels;
    private readonly int[] train;
    private readonly int[] heldOut;

    /// <summary>Opens and checks the file at <paramref name="path"/>.</summary>
    /// <param name="path">The file; a <c>classes.txt</c> beside it names the classes.</param>
    /// <param name="groupSize">Consecutive samples that are held out together.</param>
    /// <param name="allowsHorizontalFlip">Whether mirrored latents are as good; for most autoencoders not quite.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is damaged, or lacks tensors of these shapes.</exception>
    public LatentDataSet(string path, int groupSize = 1, bool allowsHorizontalFlip = false)
        : this(new SafetensorsReader(path), Path.GetDirectoryName(Path.GetFullPath(path))!, groupSize, allowsHorizontalFlip)
    {
    }

    internal LatentDataSet(SafetensorsReader reader, string folder, int groupSize, bool allowsHorizontalFlip)
    {
        this.reader = reader;
        this.AllowsHorizontalFlip = allowsHorizontalFlip;
        try
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(groupSize, 1);
            (int count, this.Shape) = ReadShape(reader);
            this.labels = ReadLabels(reader, count);
            this.Classes = reader.Tensors.ContainsKey(LabelsName) ? ClassNames.Read(folder, this.labels.Max() + 1) : ["all"];
            (this.train, this.heldOut) = HoldOut.Split(count, groupSize);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => this.reader.Name;

    /// <inheritdoc/>
    public SampleShape Shape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; }

    /// <inheritdoc/>
    public bool AllowsHorizontalFlip { get; }

    /// <summary>True: values are latents.</summary>
    public bool IsLatent => true;

    /// <inheritdoc/>
    public int Count(DataSplit split) => split == DataSplit.Train ? this.train.Length : this.heldOut.Length;

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">A value is not finite.</exception>
    public int Read(DataSplit split, int index, Span<float> values)
    {
        SampleArguments.Check(this, split, index, values);
        int place = (split == DataSplit.Train ? this.train : this.heldOut)[index];
        float[] planes = ArrayPool<float>.Shared.Rent(values.Length);
        try
        {
            Span<float> source = planes.AsSpan(0, values.Length);
            this.reader.ReadFloat32(LatentsName, (long)place * values.Length, source);
            int channels = this.Shape.Channels;
            int cells = values.Length / channels;
            for (int c = 0; c < channels; c++)
            {
                for (int i = 0; i < cells; i++)
                {
                    float value = source[(c * cells) + i];
                    values[(i * channels) + c] = float.IsFinite(value)
                        ? value
                        : throw new InvalidDataException($"{this.Name}: latent {place} holds a value that is not finite.");
                }
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(planes);
        }

        return this.labels[place];
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => this.reader.Dispose();

    private static (int Count, SampleShape Shape) ReadShape(SafetensorsReader reader)
    {
        if (!reader.Tensors.TryGetValue(LatentsName, out SafetensorsInfo? info))
        {
            throw new InvalidDataException($"{reader.Name}: there is no tensor '{LatentsName}'.");
        }

        if (!info.Type.IsFloatingPoint())
        {
            throw new InvalidDataException($"{reader.Name}: tensor '{LatentsName}' is {info.Type}, expected a floating-point type.");
        }

        // None is 0, so the checked product of the header bounds each of them, and their product, by the file's length.
        bool fits = info.Shape.Count is 4 or 5
            && info.Shape.All(static size => size is > 0 and <= int.MaxValue)
            && info.Shape[1] <= MostChannels
            && info.Count / info.Shape[0] <= Array.MaxLength;
        if (!fits)
        {
            throw new InvalidDataException(
                $"{reader.Name}: tensor '{LatentsName}' has shape {SafetensorsReader.Text(info.Shape)}, expected (N, C, H, W) or "
                + $"(N, C, F, H, W) with C up to {MostChannels} and fewer than 2³¹ values a sample.");
        }

        int[] sizes = [.. info.Shape.Select(static size => (int)size)];
        return sizes.Length == 4
            ? (sizes[0], new(1, sizes[2], sizes[3], sizes[1]))
            : (sizes[0], new(sizes[2], sizes[3], sizes[4], sizes[1]));
    }

    private static int[] ReadLabels(SafetensorsReader reader, int count)
    {
        if (!reader.Tensors.ContainsKey(LabelsName))
        {
            return new int[count];
        }

        int[] labels = new int[count];
        long[] stored = reader.ReadInt64(LabelsName, [count]);
        for (int i = 0; i < count; i++)
        {
            // A label makes a name and an embedding each for all below it; a file must not ask for millions.
            labels[i] = stored[i] is >= 0 and < 1 << 20
                ? (int)stored[i]
                : throw new InvalidDataException($"{reader.Name}: label {i} is {stored[i]}, expected 0 to {(1 << 20) - 1}.");
        }

        return labels;
    }
}
