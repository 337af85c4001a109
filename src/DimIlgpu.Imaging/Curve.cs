namespace DimIlgpu.Imaging;

/// <summary>A series that is drawn against the training step.</summary>
/// <param name="Steps">In rising order.</param>
/// <param name="Values">One per step, all finite.</param>
internal sealed record Curve(double[] Steps, double[] Values)
{
    /// <summary>More points than this are not seen, and make an SVG that browsers choke on.</summary>
    private const int MostBuckets = 1000;

    private const int LargestHalfWindow = 500;

    /// <summary>Keeps what can be drawn, in order of steps.</summary>
    public static Curve From(IReadOnlyList<(long Step, double Value)> points)
    {
        (long Step, double Value)[] drawn = [.. points.Where(point => double.IsFinite(point.Value)).OrderBy(point => point.Step)];
        return new Curve([.. drawn.Select(point => (double)point.Step)], [.. drawn.Select(point => point.Value)]);
    }

    /// <summary>Applies <paramref name="function"/> to the values.</summary>
    public Curve Map(Func<double, double> function) => this with { Values = Array.ConvertAll(this.Values, value => function(value)) };

    /// <summary>The mean over a window about each point: unlike an average of the past it does not lag.</summary>
    public Curve Smooth()
    {
        int count = this.Values.Length;
        int reach = Math.Clamp(count / 50, 1, LargestHalfWindow);
        double[] smooth = new double[count];
        for (int i = 0; i < count; i++)
        {
            // The window narrows at both ends to stay centred; otherwise the steep start would be flattened.
            int half = Math.Min(reach, Math.Min(i, count - 1 - i));
            smooth[i] = this.Values.AsSpan(i - half, (2 * half) + 1).ToArray().Average();
        }

        return this with { Values = smooth };
    }

    /// <summary>Keeps the lowest and the highest point of each of many buckets, so that no spike is lost.</summary>
    public Curve Thin()
    {
        int count = this.Values.Length;
        if (count <= 2 * MostBuckets)
        {
            return this;
        }

        List<double> steps = [];
        List<double> values = [];
        for (int bucket = 0; bucket < MostBuckets; bucket++)
        {
            int start = (int)((long)bucket * count / MostBuckets);
            int end = (int)((long)(bucket + 1) * count / MostBuckets);
            int lowest = start;
            int highest = start;
            for (int i = start; i < end; i++)
            {
                lowest = this.Values[i] < this.Values[lowest] ? i : lowest;
                highest = this.Values[i] > this.Values[highest] ? i : highest;
            }

            foreach (int i in lowest == highest ? [lowest] : new[] { Math.Min(lowest, highest), Math.Max(lowest, highest) })
            {
                steps.Add(this.Steps[i]);
                values.Add(this.Values[i]);
            }
        }

        return new Curve([.. steps], [.. values]);
    }
}
