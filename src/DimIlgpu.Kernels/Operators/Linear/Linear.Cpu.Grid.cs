namespace DimIlgpu.Kernels;

/// <summary>How a product is divided on the CPU: rows in runs of blocks of eight, columns in runs of panels of up to three registers.</summary>
internal readonly struct LinearGrid(int rows, int vectors, int rowTiles, int columnTiles)
{
    /// <summary>Registers of a panel at most.</summary>
    public const int MostVectors = 3;

    // A run of rows against a run of columns, with what it reads 192 deep, stays in a second cache of 1 MiB or more:
    // results are added up once per depth, and from the third cache that would cost more than the products.
    private const int FewestRows = 64;
    private const int LongestRun = 256;
    private const int WidestRun = 512;

    /// <summary>
    /// Up to this depth a product is little more than writing its results: each thread's stand together then, for lines
    /// that pass from core to core take longer than all else; and B is read where it stands.
    /// </summary>
    public const int ShortDepth = 16;

    public readonly int Vectors = vectors;
    public readonly int Panels = (vectors + MostVectors - 1) / MostVectors;
    public readonly int RowTiles = rowTiles;
    public readonly int ColumnTiles = columnTiles;

    private readonly int rows = rows;

    /// <summary>Registers of the widest panel.</summary>
    public int WidestPanel => (this.Vectors + this.Panels - 1) / this.Panels;

    /// <summary>Rows of the longest run, in whole blocks.</summary>
    public int MostRows => ((this.Blocks + this.RowTiles - 1) / this.RowTiles) * LinearPanels.RowsPerBlock;

    private int Blocks => (this.rows + LinearPanels.RowsPerBlock - 1) / LinearPanels.RowsPerBlock;

    /// <summary>Tiles enough for the threads: by rows first, because every run of columns packs A again.</summary>
    public static LinearGrid Of(Product p, int batch, int lane, int enough)
    {
        int vectors = (p.N + lane - 1) / lane, panels = (vectors + MostVectors - 1) / MostVectors;
        int each = (enough + batch - 1) / batch, longest = (p.M + LongestRun - 1) / LongestRun;
        if (p.K <= ShortDepth)
        {
            int runs = Math.Max(Math.Clamp(p.M / LinearPanels.RowsPerBlock, 1, each), longest);
            return new(p.M, vectors, runs, Math.Clamp(each / runs, 1, panels));
        }

        int rowTiles = Math.Max(Math.Clamp(p.M / FewestRows, 1, each), longest);
        int columnTiles = Math.Max((each + rowTiles - 1) / rowTiles, (p.N + WidestRun - 1) / WidestRun);
        return new(p.M, vectors, rowTiles, Math.Min(columnTiles, panels));
    }

    public (int Begin, int End) Rows(int tile) => (
        (int)((long)this.Blocks * tile / this.RowTiles) * LinearPanels.RowsPerBlock,
        Math.Min((int)((long)this.Blocks * (tile + 1) / this.RowTiles) * LinearPanels.RowsPerBlock, this.rows));

    public (int Begin, int End) PanelsOf(int tile) =>
        ((int)((long)this.Panels * tile / this.ColumnTiles), (int)((long)this.Panels * (tile + 1) / this.ColumnTiles));

    public (int Begin, int Count) VectorsOf(int panel)
    {
        int begin = (int)((long)this.Vectors * panel / this.Panels);
        return (begin, (int)((long)this.Vectors * (panel + 1) / this.Panels) - begin);
    }
}
