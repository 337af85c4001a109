namespace DimIlgpu.Kernels;

/// <summary>Which of a sample's rows, up to four, and which four columns a thread has, laid out as <see cref="QuadPlace"/> says.</summary>
internal readonly struct RowFours
{
    public readonly long Sample;
    public readonly long Row;
    public readonly int Column;

    /// <summary>Rows of the sample from the first on, four of which are the thread's.</summary>
    public readonly int Left;

    public RowFours(int columns, int rows)
    {
        QuadPlace place = new(columns);
        int parts = (rows + 3) / 4;
        this.Sample = place.Strip / parts;
        int first = 4 * (int)(place.Strip - (this.Sample * parts));
        this.Row = (this.Sample * rows) + first;
        this.Column = place.Column;
        this.Left = rows - first;
    }

    /// <summary>Launches a kernel that is laid out so.</summary>
    public static void Launch<TKernel>(Device device, TKernel kernel, long samples, int rows, int columns)
        where TKernel : struct, IGroupKernel => QuadPlace.Launch(device, kernel, samples * ((rows + 3) / 4), columns);
}
