using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>A view of device memory that somebody else owns: rows of adjacent elements, <see cref="Pitch"/> apart.</summary>
/// <remarks>
/// Elements are float32 or, on GPUs, bfloat16. Integers (labels, timesteps, counters) travel in float32 memory as their 32 bits; only
/// kernels that say so read them.
/// </remarks>
public readonly struct Tensor
{
    private readonly Arena arena;
    private readonly int epoch;
    private readonly int block;
    private readonly long offset;

    /// <param name="arena">The owner.</param>
    /// <param name="block">The block of the arena.</param>
    /// <param name="offset">The first element, counted in elements of this tensor's type.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="pitch">Elements from one row to the next.</param>
    /// <param name="type">How elements are stored.</param>
    internal Tensor(Arena arena, int block, long offset, Shape shape, int pitch, ElementType type)
    {
        (this.arena, this.epoch, this.block, this.offset) = (arena, arena.Epoch, block, offset);
        (this.Shape, this.Pitch, this.ElementType) = (shape, pitch, type);
    }

    /// <summary>The shape.</summary>
    public Shape Shape { get; }

    /// <summary>Elements from one row to the next; at least the number of columns.</summary>
    public int Pitch { get; }

    /// <summary>How elements are stored.</summary>
    public ElementType ElementType { get; }

    /// <summary>Number of rows.</summary>
    public long Rows => this.Shape.Rows;

    /// <summary>Number of columns.</summary>
    public int Columns => this.Shape.Columns;

    /// <summary>Whether the rows follow each other without gaps.</summary>
    public bool IsContiguous => this.Pitch == this.Columns || this.Rows == 1;

    /// <summary>The device that holds the memory.</summary>
    public Device Device => this.arena.Device;

    /// <summary>The memory from the first element to the last, for kernels.</summary>
    /// <exception cref="ObjectDisposedException">The arena took this tensor back.</exception>
    internal Floats Memory => this.ElementType == ElementType.Float32
        ? new(this.View, this.arena.Device.IsHostMemory)
        : new(this.Halves);

    /// <summary>The elements of a tensor of float32.</summary>
    internal ArrayView<float> View
    {
        get
        {
            this.CheckHeld(ElementType.Float32);
            return this.arena.View(this.block, this.offset, this.Extent);
        }
    }

    /// <summary>The elements of a tensor of bfloat16.</summary>
    internal ArrayView<ushort> Halves
    {
        get
        {
            this.CheckHeld(ElementType.BFloat16);
            return this.arena.Halves(this.block, this.offset, this.Extent);
        }
    }

    private long Extent => this.Rows == 0 ? 0 : ((this.Rows - 1) * this.Pitch) + this.Columns;

    /// <summary>A view of some adjacent columns of every row.</summary>
    /// <param name="start">The first column.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The columns are not all there.</exception>
    public Tensor Slice(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + count, this.Columns);
        return new(this.arena, this.block, this.offset + start, new(this.Rows, count), this.Pitch, this.ElementType);
    }

    /// <summary>A view of some adjacent rows.</summary>
    /// <param name="start">The first row.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The rows are not all there.</exception>
    public Tensor SliceRows(long start, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + count, this.Rows);
        return new(this.arena, this.block, this.offset + (start * this.Pitch), new(count, this.Columns), this.Pitch, this.ElementType);
    }

    /// <summary>The same elements in another shape.</summary>
    /// <exception cref="ArgumentException">The rows have gaps, or the number of elements differs.</exception>
    public Tensor Reshape(Shape shape)
    {
        if (!this.IsContiguous || shape.Length != this.Shape.Length)
        {
            throw new ArgumentException(
                $"{this.Shape} (pitch {this.Pitch}) cannot be seen as {shape}.", nameof(shape));
        }

        return new(this.arena, this.block, this.offset, shape, shape.Columns, this.ElementType);
    }

    /// <summary>Copies floats from the host, row after row, rounded to the tensor's type; the device is not waited for, and they may be changed at once.</summary>
    /// <param name="values">As many as the tensor has elements.</param>
    /// <exception cref="ArgumentException">The number of values differs, or the rows have gaps.</exception>
    public void Upload(ReadOnlySpan<float> values)
    {
        this.CheckCopy(values.Length);
        if (this.ElementType == ElementType.Float32)
        {
            this.Device.Upload(values, this.View);
        }
        else
        {
            ushort[] rounded = new ushort[values.Length];
            for (int i = 0; i < rounded.Length; i++)
            {
                rounded[i] = BFloat16.Round(values[i]);
            }

            this.Device.Upload<ushort>(rounded, this.Halves);
        }
    }

    /// <summary>Copies the bits of integers from the host.</summary>
    /// <inheritdoc cref="Upload(ReadOnlySpan{float})"/>
    public void Upload(ReadOnlySpan<int> values)
    {
        this.CheckHeld(ElementType.Float32);
        this.Upload(System.Runtime.InteropServices.MemoryMarshal.Cast<int, float>(values));
    }

    /// <summary>Copies the elements to the host and waits for them.</summary>
    /// <param name="values">Receives as many as the tensor has elements.</param>
    /// <exception cref="ArgumentException">The number of values differs, or the rows have gaps.</exception>
    public void Download(Span<float> values)
    {
        this.CheckCopy(values.Length);
        this.Device.CheckHostMayTakePart();
        if (this.Device.IsPlan)
        {
            values.Clear();
            return;
        }

        if (this.ElementType == ElementType.Float32)
        {
            this.View.SubView(0, values.Length).CopyToCPU(this.Device.Stream, values);
            this.Device.Synchronize();
            return;
        }

        ushort[] halves = new ushort[values.Length];
        this.Halves.SubView(0, halves.Length).CopyToCPU(this.Device.Stream, halves);
        this.Device.Synchronize();
        for (int i = 0; i < halves.Length; i++)
        {
            values[i] = BitConverter.Int32BitsToSingle(halves[i] << 16);
        }
    }

    /// <summary>Copies the elements, row after row, to a new array.</summary>
    public float[] ToArray()
    {
        float[] values = new float[this.Shape.Length];
        if (this.IsContiguous)
        {
            this.Download(values);
        }
        else
        {
            for (int r = 0; r < this.Rows; r++)
            {
                this.SliceRows(r, 1).Download(values.AsSpan(r * this.Columns, this.Columns));
            }
        }

        return values;
    }

    /// <summary>Sets every element to zero.</summary>
    public void Clear()
    {
        // ILGPU 1.5.3's OpenCL memset multiplies the start, which is in bytes already, by the element size:
        // from any other start than that of the buffer it clears somebody else's memory.
        if (this.IsContiguous && this.Device.Kind != DeviceKind.OpenCl && this.ElementType == ElementType.Float32)
        {
            this.Device.Clear(this.View);
        }
        else if (this.IsContiguous && this.Device.Kind != DeviceKind.OpenCl)
        {
            this.Device.Clear(this.Halves);
        }
        else
        {
            Fill.Zero(this.Device, this);
        }
    }

    /// <summary>Copies the elements of <paramref name="source"/>, which has the same shape, on the device; another type is converted.</summary>
    public void CopyFrom(Tensor source)
    {
        Check.Shape(source, this.Shape);
        bool isPlain = this.IsContiguous && source.IsContiguous && this.ElementType == source.ElementType;
        if (isPlain && this.ElementType == ElementType.Float32)
        {
            this.Device.Copy(source.View, this.View);
        }
        else if (isPlain)
        {
            this.Device.Copy(source.Halves, this.Halves);
        }
        else
        {
            Fill.Copy(this.Device, source, this);
        }
    }

    private void CheckHeld(ElementType expected)
    {
        ObjectDisposedException.ThrowIf(!this.arena.Holds(this.epoch, this.block, this.offset, this.ElementType), typeof(Tensor));
        if (this.ElementType != expected)
        {
            throw new InvalidOperationException($"This needs a tensor of {expected}; {this.Shape} holds {this.ElementType}.");
        }
    }

    private void CheckCopy(int length)
    {
        if (length != this.Shape.Length || !this.IsContiguous)
        {
            throw new ArgumentException(
                $"{length} values cannot be copied to or from a tensor of {this.Shape} (pitch {this.Pitch}).");
        }
    }
}
