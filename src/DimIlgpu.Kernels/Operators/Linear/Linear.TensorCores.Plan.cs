namespace DimIlgpu.Kernels;

/// <summary>How a product is cut for the tensor cores: which tile, and which tiles' reductions in parts.</summary>
/// <remarks>
/// By shape alone, so that sums never depend on the machine. Tiles are worked off in rounds of as many as run at once on the
/// largest GPUs; a last round that would not fill them is cut along the reduction instead, and its parts are added up in a
/// pass of their own.
/// </remarks>
/// <param name="Tile">Which tile.</param>
/// <param name="Whole">Tiles, the first ones, that are computed in one piece; at most all.</param>
/// <param name="Parts">Parts of each of the others.</param>
internal readonly record struct LinearPlan(LinearTile Tile, int Whole, int Parts)
{
    // What the choice is made for: an H100. Elsewhere it is merely less even.
    private const int Multiprocessors = 132;
    private const int MostParts = 64;
    private const int FewestSteps = 4;

    // Times, in those of a step of a multiprocessor's tiles: what a round adds to its steps, what the second pass costs at
    // least, and what it and the writing of its parts cost for each round.
    private const double RoundOfLarge = 1.5, RoundOfSmall = 0.75, RoundOfGroups = 2.5, Fold = 5, FoldOfRound = 4;

    // A pair of small tiles reads more from the L2 and from shared memory than a large one.
    private const double StepOfSmall = 1.1;

    // Half as many sums again, by instructions that are faster.
    private const double StepOfGroups = 1;

    /// <summary>For a reduction of at most two steps: rows of tiles are walked along in runs, see <see cref="LinearShort{TRight, TEnd}"/>.</summary>
    /// <param name="runs">Runs of a row; 0 for what the device has room for, which changes no sum.</param>
    /// <param name="groups">Whether four warps multiply together, which only Hopper can.</param>
    public static LinearPlan Short(int runs = 0, bool groups = false) => new(groups ? LinearTile.Groups : LinearTile.Small, Whole: runs, Parts: 0);

    /// <summary>Whether it is <see cref="Short"/>.</summary>
    public bool IsShort => this.Parts == 0;

    /// <summary>Whether a result of m × n in bfloat16, whose left operand lies along the reduction, is so large that <see cref="Short"/> pays.</summary>
    public static bool PaysToBeShort(int m, int n, int batch) =>
        WarpSchedule.Tiles<SmallTile>(m, n, batch) >= 4 * SmallTile.Together * Multiprocessors;

    /// <summary>Whether a result of m × n fits one thin tile's width and its operands are so long that reading them once counts.</summary>
    public static bool PaysToBeThin(int m, int n, int steps) =>
        Math.Min(m, n) <= ThinTile.MostColumns && Math.Max(m, n) >= 2 * ThinTile.WarpRows * TensorCores.Side && steps >= 64;

    /// <summary>All tiles in as many parts as make one round.</summary>
    public static LinearPlan Thin(int m, int n, int steps, int batch)
    {
        int tiles = WarpSchedule.Tiles<ThinTile>(Math.Max(m, n), Math.Min(m, n), batch);
        return new(LinearTile.Thin, 0, Math.Clamp(Multiprocessors / tiles, 1, Math.Max(1, steps / FewestSteps)));
    }

    /// <summary>The plan for a result of m × n, for each of the batch, with tiles up to <paramref name="largest"/>.</summary>
    public static LinearPlan For(int m, int n, int steps, int batch, LinearTile largest)
    {
        (LinearPlan plan, double cost) = Best<SmallTile>(LinearTile.Small, m, n, steps, batch);
        if (largest >= LinearTile.Large)
        {
            (LinearPlan large, double costOfLarge) = Best<LargeTile>(LinearTile.Large, m, n, steps, batch);
            (plan, cost) = costOfLarge < cost ? (large, costOfLarge) : (plan, cost);
        }

        if (largest >= LinearTile.Groups)
        {
            (LinearPlan groups, double costOfGroups) = Best<GroupTile>(LinearTile.Groups, m, n, steps, batch);
            plan = costOfGroups < cost ? groups : plan;
        }

        return plan;
    }

    private static (LinearPlan Plan, double Cost) Best<TTile>(LinearTile tile, int m, int n, int steps, int batch)
        where TTile : struct, IWarpTile
    {
        int slots = Multiprocessors * TTile.Together, tiles = WarpSchedule.Tiles<TTile>(m, n, batch);
        (double step, double round) = tile switch
        {
            LinearTile.Small => (StepOfSmall, RoundOfSmall),
            LinearTile.Large => (1, RoundOfLarge),
            _ => (StepOfGroups, RoundOfGroups),
        };
        int rounds = tiles / slots, rest = tiles % slots;
        double full = rounds * ((steps * step) + round);
        if (rest == 0)
        {
            return (new(tile, tiles, 1), full);
        }

        (LinearPlan Plan, double Cost) best = (new(tile, tiles, 1), full + (steps * step) + round);
        for (int parts = 2; parts <= Math.Min(MostParts, steps / FewestSteps); parts++)
        {
            int pieces = rest * parts, turns = (pieces + slots - 1) / slots;
            double cost = full + Fold + (turns * (((steps + parts - 1) / parts * step) + round)) + ((double)pieces / slots * FoldOfRound);
            if (cost < best.Cost)
            {
                best = (new(tile, tiles - rest, parts), cost);
            }
        }

        return best;
    }
}

/// <summary>Which tile of the result a group computes, the larger ones possible on fewer devices.</summary>
internal enum LinearTile
{
    /// <summary><see cref="SmallTile"/>.</summary>
    Small,

    /// <summary><see cref="LargeTile"/>.</summary>
    Large,

    /// <summary><see cref="GroupTile"/>.</summary>
    Groups,

    /// <summary><see cref="ThinTile"/>.</summary>
    Thin,
}

/// <summary>A tile of the result: a group's work, of which a thread has some parts of 16 × 64 with its warp.</summary>
internal interface IWarpTile
{
    /// <summary>64 × 64 sums from top to bottom.</summary>
    static abstract int WarpRows { get; }

    /// <summary>64 × 64 sums from left to right.</summary>
    static abstract int WarpColumns { get; }

    /// <summary>Threads that compute it.</summary>
    static abstract int Threads { get; }

    /// <summary>Parts of 16 × 64 of a warp.</summary>
    static abstract int Parts { get; }

    /// <summary>Groups that share a multiprocessor, by their registers and shared memory.</summary>
    static abstract int Together { get; }

    /// <summary>The first row of a warp's part.</summary>
    static abstract int Row(int warp, int part);

    /// <summary>Its first column.</summary>
    static abstract int Column(int warp, int part);
}

/// <summary>256 × 128 by eight warps, alone on a multiprocessor: the fewest bytes for each operation of <c>mma</c>.</summary>
internal readonly struct LargeTile : IWarpTile
{
    public static int WarpRows => 4;

    public static int WarpColumns => 2;

    public static int Threads => WarpRows * WarpColumns * TensorCores.Warp;

    public static int Parts => TensorCores.Side / 16;

    public static int Together => 1;

    public static int Row(int warp, int part) => (warp / WarpColumns * TensorCores.Side) + (16 * part);

    public static int Column(int warp, int part) => warp % WarpColumns * TensorCores.Side;
}

/// <summary>128 × 128 by four warps, two groups on a multiprocessor: one can multiply while the other starts or stores.</summary>
internal readonly struct SmallTile : IWarpTile
{
    public static int WarpRows => 2;

    public static int WarpColumns => 2;

    public static int Threads => WarpRows * WarpColumns * TensorCores.Warp;

    public static int Parts => TensorCores.Side / 16;

    public static int Together => 2;

    public static int Row(int warp, int part) => (warp / WarpColumns * TensorCores.Side) + (16 * part);

    public static int Column(int warp, int part) => warp % WarpColumns * TensorCores.Side;
}

/// <summary>A tile of two times four warps that <c>wgmma</c> computes, alone on a multiprocessor of Hopper.</summary>
internal interface IGroupTile : IWarpTile
{
    /// <summary>Columns that are multiplied.</summary>
    static abstract int Columns { get; }

    /// <summary>Steps in shared memory: two copied ahead, the others multiplied.</summary>
    static abstract int Stages { get; }

    /// <summary>Whether tiles are always computed in parts, if only in one, which a pass of their own adds up.</summary>
    static abstract bool IsThin { get; }
}

/// <summary>256 × 192: a width that divides those of DiM-S, B and XL.</summary>
internal readonly struct GroupTile : IGroupTile
{
    public static int WarpRows => 4;

    public static int WarpColumns => 3;

    public static int Threads => 2 * TensorCores.GroupWarps * TensorCores.Warp;

    public static int Parts => WarpRows * WarpColumns / 2;

    public static int Together => 1;

    public static int Columns => WarpColumns * TensorCores.Side;

    public static int Stages => 4;

    public static bool IsThin => false;

    public static int Row(int warp, int part) =>
        (((warp / TensorCores.GroupWarps * WarpRows / 2) + (part / WarpColumns)) * TensorCores.Side) + (warp % TensorCores.GroupWarps * 16);

    public static int Column(int warp, int part) => part % WarpColumns * TensorCores.Side;
}

/// <summary>384 rows and all columns of a result that has few, such as a gradient of x_proj or dt_proj: six times as many rows ask for the narrow operand.</summary>
internal readonly struct ThinTile : IGroupTile
{
    /// <summary>The most columns: those of x_proj in DiM-XL.</summary>
    public const int MostColumns = 104;

    public static int WarpRows => 6;

    public static int WarpColumns => 2;

    public static int Threads => 2 * TensorCores.GroupWarps * TensorCores.Warp;

    public static int Parts => WarpRows * WarpColumns / 2;

    public static int Together => 1;

    public static int Columns => MostColumns;

    public static int Stages => 3;

    public static bool IsThin => true;

    public static int Row(int warp, int part) =>
        (((warp / TensorCores.GroupWarps * WarpRows / 2) + (part / WarpColumns)) * TensorCores.Side) + (warp % TensorCores.GroupWarps * 16);

    public static int Column(int warp, int part) => part % WarpColumns * TensorCores.Side;
}

/// <summary>The pieces of work of a product, in order: whole tiles, then the parts of the others.</summary>
internal readonly struct WarpSchedule(int rowTiles, int columnTiles, int tiles, int steps, int whole, int parts)
{
    // Rows of tiles that are walked through together, so that what a round reads stays in the L2.
    private const int Band = 8;

    private readonly int tiles = tiles;
    private readonly int steps = steps;

    // A band is Band rows of tiles, the last one what is left of them.
    private readonly int wholeBands = rowTiles / Band;
    private readonly Divisor ofBatch = new(rowTiles * columnTiles);
    private readonly Divisor ofBand = new(Band * columnTiles);
    private readonly Divisor ofLastBand = new(Math.Max(rowTiles % Band, 1));
    private readonly Divisor inParts = new(Math.Max(parts, 1));

    /// <summary>Tiles in one piece.</summary>
    public readonly int Whole = whole;

    /// <summary>Parts of each of the others.</summary>
    public readonly int Parts = parts;

    /// <summary>Tiles in parts.</summary>
    public int Cut => this.tiles - this.Whole;

    /// <summary>Pieces of work.</summary>
    public int Pieces => this.Whole + (this.Cut * this.Parts);

    public static WarpSchedule For<TTile>(int m, int n, int batch, int steps, LinearPlan plan)
        where TTile : struct, IWarpTile
    {
        int tiles = Tiles<TTile>(m, n, batch);
        return new(RowTiles<TTile>(m), ColumnTiles<TTile>(n), tiles, steps, Math.Min(plan.Whole, tiles), plan.Parts);
    }

    public static int Tiles<TTile>(int m, int n, int batch)
        where TTile : struct, IWarpTile => checked(batch * RowTiles<TTile>(m) * ColumnTiles<TTile>(n));

    /// <summary>Where a tile lies, and what of its reduction a piece covers.</summary>
    public WarpPiece Piece(int piece)
    {
        int cut = piece - this.Whole;
        return cut < 0
            ? this.At(piece, 0, this.steps)
            : this.At(
                this.Whole + this.inParts.Quotient(cut),
                this.inParts.Quotient(this.steps * this.inParts.Remainder(cut)),
                this.inParts.Quotient(this.steps * (this.inParts.Remainder(cut) + 1)));
    }

    /// <summary>Where a tile lies.</summary>
    public WarpPiece At(int tile, int step, int end)
    {
        int batch = this.ofBatch.Quotient(tile), at = tile - (batch * this.ofBatch.Value);
        int band = this.ofBand.Quotient(at), inBand = at - (band * this.ofBand.Value);
        bool isWhole = band < this.wholeBands;
        int column = isWhole ? inBand / Band : this.ofLastBand.Quotient(inBand);
        int row = (band * Band) + inBand - (column * (isWhole ? Band : this.ofLastBand.Value));
        return new() { Batch = batch, Row = row, Column = column, Step = step, Steps = end - step };
    }

    private static int RowTiles<TTile>(int m)
        where TTile : struct, IWarpTile => ((m - 1) / (TTile.WarpRows * TensorCores.Side)) + 1;

    private static int ColumnTiles<TTile>(int n)
        where TTile : struct, IWarpTile => ((n - 1) / (TTile.WarpColumns * TensorCores.Side)) + 1;
}

/// <summary>A tile, counted in tiles, and steps of its reduction.</summary>
internal struct WarpPiece
{
    public int Batch, Row, Column, Step, Steps;
}
