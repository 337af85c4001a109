namespace DimIlgpu.Kernels;

/// <summary>Which rows each of many sums adds up: the host's divisions, so that a GPU's threads have none before their first load.</summary>
internal readonly struct RowRuns
{
    private readonly Divisor parts;
    private readonly long apart, rows;
    private readonly int least, extra, unit;

    private RowRuns(long rows, int parts, long apart, int unit)
    {
        long units = (rows + unit - 1) / unit;
        this.parts = new(parts);
        this.apart = apart;
        this.rows = rows;
        this.unit = unit;
        this.least = checked((int)(units / parts));
        this.extra = (int)(units % parts);
    }

    /// <summary>Rows from one row of a run to the next.</summary>
    public long Step { get; private init; }

    /// <summary>Sum s is part s mod parts of group s / parts, a group being so many adjacent rows; parts are whole units of rows, but for the last.</summary>
    public static RowRuns Parts(long rows, int parts, int unit) => new(rows, parts, rows, unit) { Step = 1 };

    /// <summary>Sum s is of row s and those that follow, each so many rows after the one before.</summary>
    public static RowRuns Apart(long step, int count) => new(count, 1, 1, 1) { Step = step };

    /// <summary>The first row of a sum.</summary>
    /// <param name="sum">Which.</param>
    /// <param name="count">How many rows it has.</param>
    public long First(int sum, out int count)
    {
        int group = this.parts.Quotient(sum), part = sum - (group * this.parts.Value);
        long begin = (long)this.unit * ((part * this.least) + (part < this.extra ? part : this.extra));
        int whole = this.unit * (this.least + (part < this.extra ? 1 : 0));
        count = begin + whole < this.rows ? whole : (int)(this.rows - begin);
        return (group * this.apart) + begin;
    }
}
