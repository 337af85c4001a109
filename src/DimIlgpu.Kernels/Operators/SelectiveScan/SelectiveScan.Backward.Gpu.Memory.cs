namespace DimIlgpu.Kernels;

/// <summary>Where a group of the backward pass keeps what it needs again within a segment, as a type argument.</summary>
internal interface IScanMemory
{
    /// <summary>Whether in shared memory, where copies that nobody waits for can go too; otherwise in scratch memory.</summary>
    static abstract bool IsShared { get; }
}

internal readonly struct ScratchMemory : IScanMemory
{
    public static bool IsShared => false;
}

internal readonly struct SharedMemoryAlone : IScanMemory
{
    public static bool IsShared => true;
}

/// <summary>The memory of a group of the backward pass, in fours of floats.</summary>
internal static class ScanBackwardLayout<TFour, TWidth, TMemory>
    where TFour : struct, IFour
    where TWidth : struct, IScanWidth
    where TMemory : struct, IScanMemory
{
    private const int Threads = ScanGroup.Threads;
    private const int Warps = Threads / 32;
    private const int Tile = ScanGroup.Tile;

    /// <summary>Channels of a warp.</summary>
    public static int Lanes => ScanColumns<TFour, TWidth>.Lanes;

    /// <summary>Whether sums meet where states were kept, once those are read: four channels have no other room.</summary>
    public static bool IsLent => TMemory.IsShared & TWidth.Channels == 4;

    // Shared memory of a warp: Δ and u of four tokens by block and channel, dy of four tokens, where sums meet, and D. Then B
    // and C of the group by token, and of each thread dA, which would take registers.
    public static int Dy => Tile / 4 * 2 * Lanes;

    public static int Meeting => Dy + Lanes;

    public static int SkipRate => Meeting + (IsLent ? 4 * Lanes : ScanSums.Length);

    public static int OfWarp => SkipRate + 8;

    public static int Rates => Warps * OfWarp;

    public static int Slope => Rates + (8 * Tile);

    public static int NearPlaces => Slope + (TWidth.Channels * Threads);

    /// <summary>
    /// Whether where a thread reads once in a segment is in shared memory although the states are not: four channels have no
    /// room left in 48 KB, and one channel is for devices of little. Where the states are, it is computed again.
    /// </summary>
    public static bool IsNear => TWidth.Channels == 3 && !TMemory.IsShared;

    /// <summary>What is always shared.</summary>
    public static int Length => NearPlaces + (IsNear ? Threads : 0);

    // Held: the states before each block by block, channel of the thread and thread; of each thread dD as an owner, and where
    // it reads and writes once in a segment, or what is copied for it. dB and dC by warp take the place of states once read.
    public static int Skip => Tile / 4 * TWidth.Channels * Threads;

    public static int Places => Skip + Threads;

    /// <summary>What is held in either memory.</summary>
    public static int HeldLength => Places + (TMemory.IsShared ? 3 * TFour.Pairs * Threads / 2 : 2 * Threads);
}
