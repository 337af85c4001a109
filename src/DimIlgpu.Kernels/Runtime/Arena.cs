using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>Device memory handed out in order and taken back all at once, or back to a mark.</summary>
/// <param name="device">The device that holds the memory.</param>
/// <param name="blockLength">Elements per block; a larger request gets a block of its own.</param>
public sealed class Arena(Device device, long blockLength = 1 << 22) : IDisposable
{
    // A cache line, and the widest register; also what GPUs coalesce.
    private const int Alignment = 32;

    private readonly List<(MemoryBuffer Buffer, ArrayView<float> Words, long Start)> blocks = [];
    private int block, life;
    private long offset;

    /// <summary>The device that holds the memory.</summary>
    public Device Device => device;

    /// <summary>Counts the calls of <see cref="Reset"/>; a tensor of an older epoch is stale.</summary>
    public int Epoch { get; private set; }

    /// <summary>Bytes taken from the device.</summary>
    public long HeldBytes => this.blocks.Sum(b => b.Buffer.LengthInBytes);

    /// <summary>Hands out a tensor, valid until <see cref="Reset"/> or the end of the scope.</summary>
    /// <param name="shape">The shape of the tensor.</param>
    /// <param name="clear">Whether its elements start at zero; otherwise they are undefined.</param>
    /// <param name="type">How its elements are stored.</param>
    /// <exception cref="ArgumentException">The device has no elements of that type.</exception>
    /// <exception cref="DeviceMemoryException">The device has no room; the message says how much was asked and held.</exception>
    public Tensor Rent(Shape shape, bool clear = false, ElementType type = ElementType.Float32)
    {
        if (type != ElementType.Float32 && device.Kind == DeviceKind.Cpu)
        {
            throw new ArgumentException($"{type} is stored on GPUs only; this device is {device.Name}.", nameof(type));
        }

        device.Recording?.Rents(this);
        int perWord = PerWord(type);
        long words = (Math.Max(shape.Length, 1) + perWord - 1) / perWord;
        long length = (words + Alignment - 1) / Alignment * Alignment;
        while (this.block < this.blocks.Count && this.offset + length > this.Capacity(this.block))
        {
            (this.block, this.offset) = (this.block + 1, 0);
        }

        if (this.block == this.blocks.Count)
        {
            this.Grow(Math.Max(length, blockLength));
        }

        Tensor tensor = new(this, this.block, this.offset * perWord, shape, shape.Columns, type);
        this.offset += length;
        if (clear)
        {
            tensor.Clear();
        }

        return tensor;
    }

    /// <summary>Marks the arena; disposing the result takes back everything rented since.</summary>
    public ArenaScope Scope() => new(this, this.block, this.offset);

    /// <summary>Takes every tensor back.</summary>
    public void Reset() => (this.block, this.offset, this.Epoch) = (0, 0, this.Epoch + 1);

    /// <inheritdoc/>
    public void Dispose()
    {
        this.Reset();
        this.blocks.ForEach(b => device.Memory.GiveBack(b.Buffer));
        this.blocks.Clear();
        this.life++;
    }

    /// <summary>Where the next tensor is looked for.</summary>
    internal ArenaMark Mark => new(this.life, this.Epoch, this.block, this.offset);

    internal void Release(int block, long offset) => (this.block, this.offset) = (block, offset);

    internal bool Holds(int epoch, int block, long offset, ElementType type) =>
        epoch == this.Epoch && (block < this.block || (block == this.block && offset < this.offset * PerWord(type)));

    internal bool Holds(ArenaMark start) => start.Life == this.life && this.Holds(start.Epoch, start.Block, start.Offset, ElementType.Float32);

    internal ArrayView<float> View(int block, long offset, long length)
    {
        device.Recording?.Finds(this, block, offset);
        return this.blocks[block].Words.SubView(this.blocks[block].Start + offset, length);
    }

    internal ArrayView<ushort> Halves(int block, long offset, long length)
    {
        const int perWord = sizeof(float) / sizeof(ushort);
        device.Recording?.Finds(this, block, offset / perWord);
        return this.blocks[block].Words.Cast<ushort>().SubView((this.blocks[block].Start * perWord) + offset, length);
    }

    private static int PerWord(ElementType type) => type == ElementType.Float32 ? 1 : sizeof(float) / sizeof(ushort);

    // By the length alone: where tensors stand does not depend on how the driver aligned the block.
    private long Capacity(int block) => this.blocks[block].Words.Length - Alignment;

    private void Grow(long length)
    {
        if (device.Recording is not null)
        {
            throw new NotRecordableException("Memory would be taken from the device.");
        }

        (MemoryBuffer buffer, ArrayView<float> words) = device.Memory.Take(length + Alignment);
        long misaligned = buffer.NativePtr % (Alignment * sizeof(float));
        this.blocks.Add((buffer, words, misaligned == 0 ? 0 : Alignment - (misaligned / sizeof(float))));
    }
}

/// <summary>A mark in an <see cref="Arena"/>.</summary>
public readonly struct ArenaScope : IDisposable
{
    private readonly Arena arena;
    private readonly int block;
    private readonly long offset;

    internal ArenaScope(Arena arena, int block, long offset) =>
        (this.arena, this.block, this.offset) = (arena, block, offset);

    /// <summary>Takes back everything rented since the mark.</summary>
    public void Dispose() => this.arena.Release(this.block, this.offset);
}
