using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>A view of float32 device memory that somebody else owns: rows of adjacent elements, <see cref="Pitch"/> apart.</summary>
/// <remarks>
/// Integers (labels, timesteps, counters) travel in the same memory as their 32 bits; only kernels that
/// say so read them.
/// </remarks>
public readonly struct Tensor
{
    private readonly Arena arena;
    private readonly int epoch;
    private readonly int block;
    private readonly long offset;

    internal Tensor(Arena arena, int block, long offset, Shape shape, int pitch)
    {
        (this.arena, this.epoch, this.block, this.offset) = (arena, arena.Epoch, block, offset);
        (this.Shape, this.Pitch) = (shape, pitch);
    }

    /// <summary>The shape.</summary>
    public Shape Shape { get; }

    /// <summary>Elements from one row to the next; at least the number of columns.</summary>
    public int Pitch { get; }

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
    internal Floats Memory => new(this.View, this.arena.Device.IsHostMemory);

    internal ArrayView<float> View
    {
        get
        {
            ObjectDisposedException.ThrowIf(!this.arena.Holds(this.epoch, this.block, this.offset), typeof(Tensor));
            long length = this.Rows == 0 ? 0 : ((this.Rows - 1) * this.Pitch) + this.Columns;
            return this.arena.View(this.block, this.offset, length);
        }
    }

    /// <summary>A view of some adjacent columns of every row.</summary>
    /// <param name="start">The first column.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The columns are not all there.</exception>
    public Tensor Slice(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)start + count, this.Columns);
        return new(this.arena, this.block, this.offset + start, new(this.Rows, count), this.Pitch);
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
        return new(this.arena, this.block, this.offset + (start * this.Pitch), new(count, this.Columns), this.Pitch);
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

        return new(this.arena, this.block, this.offset, shape, shape.Columns);
    }

    /// <summary>Copies floats from the host, row after row, without waiting for the device; they may be changed at once.</summary>
    /// <param name="values">As many as the tensor has elements.</param>
    /// <exception cref="ArgumentException">The number of values differs, or the rows have gaps.</exception>
    public void Upload(ReadOnlySpan<float> values)
    {
        this.CheckCopy(values.Length);
        this.Device.Upload(values, this.View);
    }

    /// <summary>Copies the bits of integers from the host.</summary>
    /// <inheritdoc cref="Upload(ReadOnlySpan{float})"/>
    public void Upload(ReadOnlySpan<int> values) =>
        this.Upload(System.Runtime.InteropServices.MemoryMarshal.Cast<int, float>(values));

    /// <summary>Copies the elements to the host and waits for them.</summary>
    /// <param name="values">Receives as many as the tensor has elements.</param>
    /// <exception cref="ArgumentException">The number of values differs, or the rows have gaps.</exception>
    public void Download(Span<float> values)
    {
        this.CheckCopy(values.Length);
        this.Device.CheckHostMayTakePart();
        this.View.SubView(0, values.Length).CopyToCPU(this.Device.Stream, values);
        this.Device.Synchronize();
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
        if (this.IsContiguous && this.Device.Kind != DeviceKind.OpenCl)
        {
            this.Device.Clear(this.View);
        }
        else
        {
            Fill.Zero(this.Device, this);
        }
    }

    /// <summary>Copies the elements of <paramref name="source"/>, which has the same shape, on the device.</summary>
    public void CopyFrom(Tensor source)
    {
        Check.Shape(source, this.Shape);
        if (this.IsContiguous && source.IsContiguous)
        {
            this.Device.Copy(source.View, this.View);
        }
        else
        {
            Fill.Copy(this.Device, source, this);
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
