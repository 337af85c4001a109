namespace DimIlgpu.Kernels;

/// <summary>How the scan is laid over a GPU's threads.</summary>
internal static class ScanGroup
{
    /// <summary>States of a channel: four threads with four each.</summary>
    public const int States = 16;

    /// <summary>Threads of a group.</summary>
    public const int Threads = 128;

    /// <summary>Channels of a group whose threads have three.</summary>
    public const int WholeChannels = 96;

    /// <summary>Tokens of a segment; a state is kept before each.</summary>
    public const int Tile = 16;

    /// <summary>Fours of tokens of a segment. The backward kernels are told, for loops that ptxas unrolled would take their registers.</summary>
    public const int Blocks = Tile / 4;
}

/// <summary>A strip as the groups of a GPU find it: the grid's second axis is the sequence, the third its chunk.</summary>
/// <remarks>Divisions by sizes that are no constants would cost a GPU more than all else here.</remarks>
internal readonly struct ScanPlace
{
    public readonly long Strip;

    /// <summary>0 for the forward direction, 1 for the backward one.</summary>
    public readonly int Direction;

    /// <summary>The chunk's first token, counted from the start of the direction.</summary>
    public readonly int Begin;

    /// <summary>Tokens of the chunk.</summary>
    public readonly int Length;

    /// <summary>From one token to the next in memory: +1 or −1 rows.</summary>
    public readonly long Stride;

    private readonly long firstRow;
    private readonly long firstSegment;

    public ScanPlace(ScanLayout l, int sequence, int chunk)
    {
        this.Strip = ((long)sequence * l.Chunks) + chunk;
        this.Direction = sequence < l.Batch ? 0 : 1;
        this.Begin = chunk * l.ChunkLength;
        int rest = l.Tokens - this.Begin;
        this.Length = rest < l.ChunkLength ? rest : l.ChunkLength;
        this.Stride = this.Direction == 0 ? 1 : -1;
        this.firstRow = ((long)sequence * l.Tokens) + (this.Direction == 0 ? this.Begin : l.Tokens - 1 - this.Begin);
        this.firstSegment = ((long)sequence * ((l.Tokens + ScanGroup.Tile - 1) / ScanGroup.Tile)) + (this.Begin / ScanGroup.Tile);
    }

    /// <summary>The row in memory of token <paramref name="p"/> of the chunk.</summary>
    public long Row(int p) => this.firstRow + (p * this.Stride);

    /// <summary>Where the state before token <paramref name="p"/> of the chunk, the first of a segment, is kept.</summary>
    public long Kept(ScanLayout l, int p) => (this.firstSegment + (p / ScanGroup.Tile)) * l.States * l.Channels;
}
