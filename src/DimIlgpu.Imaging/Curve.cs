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

    /// <summary>
    /// The mean over a window about each point, without the highest and the lowest tenth of the window: unlike an average of the
    /// past it does not lag, and a single spike leaves no box as wide as the window. At most as many points as are seen.
    /// </summary>
    public Curve Smooth()
    {
        int count = this.Values.Length;
        int reach = Math.Clamp(count / 50, 1, LargestHalfWindow);
        int stride = Math.Max(1, count / (2 * MostBuckets));
        int[] kept = [.. Enumerable.Range(0, count).Where(i => i % stride == 0 || i == count - 1)];
        return new Curve([.. kept.Select(i => this.Steps[i])], [.. kept.Select(Around)]);

        double Around(int i)
        {
            // At the start the window narrows to stay centred, otherwise the steep fall would be flattened.
            // At the end it is cut instead, otherwise the line would swing to the last value.
            int first = i - Math.Min(reach, i);
            int last = i + Math.Min(Math.Min(reach, i), count - 1 - i);
            double[] window = this.Values[first..(last + 1)];
            Array.Sort(window);
            int cut = window.Length / 10;
            return window[cut..^cut].Average();
        }
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
