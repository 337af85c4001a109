using System.Numerics;

namespace DimIlgpu.Model.Data;

/// <summary>How many images the distances are taken over.</summary>
public sealed record NearestNeighbourOptions
{
    /// <summary>Training images compared with, from the first on.</summary>
    public int TrainingImages { get; init; } = 10_000;

    /// <summary>Held-out images measured for comparison, from the first on.</summary>
    public int HeldOutImages { get; init; } = 1_000;

    /// <summary>Throws if an option has a value it cannot have.</summary>
    /// <exception cref="ArgumentException">The message names the option, its value and what was expected.</exception>
    public void Validate()
    {
        if (this.TrainingImages < 1 || this.HeldOutImages < 0)
        {
            throw new ArgumentException(
                $"TrainingImages is {this.TrainingImages} and HeldOutImages {this.HeldOutImages}; expected at least 1 and 0.");
        }
    }
}

/// <summary>The training image nearest to one image.</summary>
/// <param name="Index">Its index in <see cref="DataSplit.Train"/>; the lowest of equally near ones.</param>
/// <param name="Distance">√(mean over values of the squared difference); values span [−1, 1], so 2 at most for pixels.</param>
public readonly record struct Neighbour(int Index, float Distance);

/// <summary>The order statistics of a set of distances; NaN where there are none.</summary>
public readonly record struct DistanceSummary(float Minimum, float LowerQuartile, float Median, float UpperQuartile, float Maximum)
{
    internal static DistanceSummary Of(IReadOnlyList<Neighbour> neighbours)
    {
        float[] sorted = [.. neighbours.Select(static neighbour => neighbour.Distance).Order()];
        return new(At(0), At(0.25f), At(0.5f), At(0.75f), At(1));

        float At(float part)
        {
            if (sorted.Length == 0)
            {
                return float.NaN;
            }

            float place = part * (sorted.Length - 1);
            int low = (int)place;
            int high = Math.Min(low + 1, sorted.Length - 1);
            return sorted[low] + ((place - low) * (sorted[high] - sorted[low]));
        }
    }
}

/// <summary>Distances to the nearest training image, of generated and of held-out images.</summary>
/// <param name="Generated">The nearest training image of every generated sample.</param>
/// <param name="HeldOut">Likewise of the held-out images: what new images of the same kind measure.</param>
/// <param name="GeneratedSummary">Order statistics of <paramref name="Generated"/>.</param>
/// <param name="HeldOutSummary">Order statistics of <paramref name="HeldOut"/>.</param>
public sealed record NearestNeighbourReport(
    IReadOnlyList<Neighbour> Generated,
    IReadOnlyList<Neighbour> HeldOut,
    DistanceSummary GeneratedSummary,
    DistanceSummary HeldOutSummary);

/// <summary>Tells a model that repeats its training images from one that makes new ones.</summary>
/// <remarks>A copy lies far nearer to a training image than a held-out image does; a good new sample lies about as far.</remarks>
public static class NearestNeighbour
{
    private const int BlockImages = 64;

    // Values summed between two looks at whether the image is already too far to be nearest.
    private const int StripeLength = 1024;

    /// <summary>Measures <paramref name="samples"/> and held-out images against the training images of <paramref name="data"/>.</summary>
    /// <param name="samples">Generated samples, each of <see cref="SampleShape.Length"/> values.</param>
    /// <param name="data">The data set that was trained on.</param>
    /// <param name="options">How many images to take, or null for the defaults.</param>
    /// <param name="progress">Receives 0 to 1.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ArgumentException">A sample has another length, or an option a value it cannot have.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> asked for it.</exception>
    public static NearestNeighbourReport Measure(
        IReadOnlyList<float[]> samples,
        IDataSet data,
        NearestNeighbourOptions? options = null,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(data);
        options ??= new();
        options.Validate();
        int length = data.Shape.Length;
        for (int i = 0; i < samples.Count; i++)
        {
            if (samples[i].Length != length)
            {
                throw new ArgumentException($"Sample {i} has {samples[i].Length} values; {data.Name} has {length}.", nameof(samples));
            }
        }

        int heldOut = Math.Min(options.HeldOutImages, data.Count(DataSplit.HeldOut));
        float[][] queries = [.. samples, .. Read(data, DataSplit.HeldOut, 0, heldOut, cancellation)];
        Neighbour[] nearest = new Neighbour[queries.Length];
        Array.Fill(nearest, new(-1, float.PositiveInfinity));
        int total = Math.Min(options.TrainingImages, data.Count(DataSplit.Train));

        // In blocks, so that a set of large clips is never in memory whole.
        for (int start = 0; start < total; start += BlockImages)
        {
            float[][] block = Read(data, DataSplit.Train, start, Math.Min(BlockImages, total - start), cancellation);
            int first = start;
            ParallelOptions parallel = new() { CancellationToken = cancellation };
            Parallel.For(0, queries.Length, parallel, q => nearest[q] = Nearest(queries[q], block, first, nearest[q]));
            progress?.Report((double)(start + block.Length) / total);
        }

        for (int q = 0; q < nearest.Length; q++)
        {
            nearest[q] = nearest[q] with { Distance = MathF.Sqrt(nearest[q].Distance / length) };
        }

        Neighbour[] generated = nearest[..samples.Count];
        Neighbour[] compared = nearest[samples.Count..];
        return new(generated, compared, DistanceSummary.Of(generated), DistanceSummary.Of(compared));
    }

    private static float[][] Read(IDataSet data, DataSplit split, int start, int count, CancellationToken cancellation)
    {
        float[][] images = new float[count][];
        Parallel.For(0, count, new ParallelOptions { CancellationToken = cancellation }, i =>
        {
            images[i] = new float[data.Shape.Length];
            data.Read(split, start + i, images[i]);
        });
        return images;
    }

    private static Neighbour Nearest(float[] query, float[][] block, int first, Neighbour best)
    {
        for (int i = 0; i < block.Length; i++)
        {
            float distance = 0;
            for (int start = 0; start < query.Length && distance < best.Distance; start += StripeLength)
            {
                int count = Math.Min(StripeLength, query.Length - start);
                distance += SquaredDistance(query.AsSpan(start, count), block[i].AsSpan(start, count));
            }

            if (distance < best.Distance)
            {
                best = new(first + i, distance);
            }
        }

        return best;
    }

    private static float SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Vector<float> sums = Vector<float>.Zero;
        int i = 0;
        for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> difference = new Vector<float>(a[i..]) - new Vector<float>(b[i..]);
            sums += difference * difference;
        }

        float sum = Vector.Sum(sums);
        for (; i < a.Length; i++)
        {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }

        return sum;
    }
}
