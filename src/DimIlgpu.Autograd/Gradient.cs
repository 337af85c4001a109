using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The gradient of one recorded value: which of its columns have been written, and where they are.</summary>
internal sealed class Gradient
{
    private readonly Tape? tape;
    private readonly Shape shape;
    private readonly ElementType type;
    private readonly bool[] written;
    private Tensor? memory;

    /// <summary>A gradient whose memory the tape rents on the first write.</summary>
    /// <param name="tape">The owner.</param>
    /// <param name="value">What this is the gradient of: it has the same shape and type.</param>
    public Gradient(Tape tape, Tensor value) =>
        (this.tape, this.shape, this.type, this.written) = (tape, value.Shape, value.ElementType, new bool[value.Columns]);

    /// <summary>A gradient that lives outside the tape and is only ever added to.</summary>
    public Gradient(Tensor memory)
    {
        (this.memory, this.shape, this.written) = (memory, memory.Shape, new bool[memory.Columns]);
        Array.Fill(this.written, true);
    }

    /// <summary>Where the next contribution to these columns goes.</summary>
    public Sink Sink(int start, int count)
    {
        this.memory ??= this.tape!.RentGradient(this.shape, this.type);
        Span<bool> columns = this.written.AsSpan(start, count);
        bool add = columns.Contains(true);
        if (add && columns.Contains(false))
        {
            this.ClearUnwritten(start, count);
        }

        columns.Fill(true);
        return new(this.memory.Value.Slice(start, count), add);
    }

    /// <summary>The columns as they stand; null when nothing was ever written.</summary>
    public Tensor? Read(int start, int count)
    {
        if (this.memory is not { } tensor)
        {
            return null;
        }

        this.ClearUnwritten(start, count);
        return tensor.Slice(start, count);
    }

    /// <summary>Gives the memory back to the tape.</summary>
    public void Release()
    {
        if (this.tape is not null && this.memory is { } tensor)
        {
            this.tape.ReturnGradient(tensor);
            this.memory = null;
        }
    }

    private void ClearUnwritten(int start, int count)
    {
        for (int c = start; c < start + count;)
        {
            int first = c;
            while (c < start + count && !this.written[c])
            {
                this.written[c++] = true;
            }

            if (c > first)
            {
                this.memory!.Value.Slice(first, c - first).Clear();
            }
            else
            {
                c++;
            }
        }
    }
}
