namespace DimIlgpu.Kernels;

/// <summary>What a recording rests on: a replay is valid only while all of it is as it was.</summary>
/// <remarks>
/// Arenas that the work rented from must stand where they stood when it began, or its memory may be somebody else's by
/// now. Tensors that it found must still be held.
/// </remarks>
internal sealed class Recording
{
    private readonly Dictionary<Arena, ArenaMark> rented = [];
    private readonly Dictionary<Arena, ArenaMark> found = [];

    /// <summary>Whether a replay meets the memory that was recorded.</summary>
    public bool IsValid =>
        this.rented.All(r => r.Key.Mark.Continues(r.Value)) && this.found.All(f => f.Key.Holds(f.Value));

    /// <summary>Called before an arena hands out memory.</summary>
    public void Rents(Arena arena) => this.rented.TryAdd(arena, arena.Mark);

    /// <summary>Called when memory that starts there is used.</summary>
    public void Finds(Arena arena, int block, long offset)
    {
        ArenaMark start = arena.Mark with { Block = block, Offset = offset };
        if (!this.rented.ContainsKey(arena) && (!this.found.TryGetValue(arena, out ArenaMark last) || last.IsBefore(start)))
        {
            this.found[arena] = start;
        }
    }
}

/// <summary>A place in an arena, at some time of its life.</summary>
/// <param name="Life">Counts the times at which the arena gave its memory up.</param>
/// <param name="Epoch">Counts the times at which it took everything back.</param>
/// <param name="Block">The block.</param>
/// <param name="Offset">Elements from the start of the block.</param>
internal readonly record struct ArenaMark(int Life, int Epoch, int Block, long Offset)
{
    /// <summary>Whether what is rented next stands where it stood then, behind the same tensors.</summary>
    public bool Continues(ArenaMark then) =>
        (this with { Epoch = then.Epoch }) == then && (this.Epoch == then.Epoch || (this.Block == 0 && this.Offset == 0));

    public bool IsBefore(ArenaMark other) =>
        this.Epoch != other.Epoch || this.Block < other.Block || (this.Block == other.Block && this.Offset < other.Offset);
}

/// <summary>The work does what cannot be recorded, such as taking memory from the device; run as it is it may do so.</summary>
internal sealed class NotRecordableException(string message) : Exception(message);
