using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>A GPU kernel that adds up a term of each element of a row, four adjacent ones at once.</summary>
/// <typeparam name="TLoaded">What is loaded for four elements, as it is stored.</typeparam>
internal interface IQuadTerm<TLoaded> : IGroupKernel
    where TLoaded : unmanaged
{
    // Rows are few, and so are the groups: registers for what is on its way count, not groups beside each other.
    static int IGroupKernel.GroupsPerProcessor => 2;

    static int IGroupKernel.ThreadsPerGroup => RowTotal.Threads;

    /// <summary>Loads what four elements' terms are computed from, and computes nothing, for that would wait.</summary>
    TLoaded Load(QuadIndex at);

    /// <summary>The sum of the four terms.</summary>
    float Term(QuadIndex at, TLoaded loaded);
}

/// <summary>
/// How an <see cref="IQuadTerm{TLoaded}"/> is laid out: a group has a part of a row, of which each thread has four quads on
/// their way. A row of up to 16,384 columns is one part, whose sum needs no second launch.
/// </summary>
internal readonly struct RowTotal
{
    public const int Threads = 256;

    private const int Together = 4, MostQuads = 4096;

    private readonly Floats to;
    private readonly Divisor parts;
    private readonly int quads, each;
    private readonly float factor;

    private RowTotal(Tensor to, int columns, int parts, float factor) =>
        (this.to, this.parts, this.quads, this.each, this.factor) = (to.Memory, new(parts), columns / 4, ((columns / 4) + parts - 1) / parts, factor);

    /// <summary>Whether a device has threads, the tensors are float32 by four, and the result is float32.</summary>
    public static bool Takes(Device device, Tensor result, Tensor tensor, params ReadOnlySpan<Tensor> others) =>
        tensor.ElementType == ElementType.Float32 && result.ElementType == ElementType.Float32 && Stored.IsQuad(device, tensor, others)
        && tensor.Rows * Parts(tensor.Columns) <= int.MaxValue;

    /// <summary>Writes the sums of the rows of a shape, times a factor, (rows, 1), dense.</summary>
    public static void Write<TKernel>(Device device, Shape shape, Tensor result, float factor, Func<RowTotal, TKernel> kernel)
        where TKernel : struct, IGroupKernel
    {
        int parts = Parts(shape.Columns);
        using ArenaScope scope = device.Scratch.Scope();
        Tensor sums = parts == 1 ? result : device.Scratch.Rent(new(shape.Rows, parts));
        device.Groups(kernel(new(sums, shape.Columns, parts, parts == 1 ? factor : 1f)), new((int)(shape.Rows * parts), 1, 1), Threads);
        if (parts > 1)
        {
            // An odd number of columns keeps results out of registers that are stored four at a time.
            device.Rows(new RowTotalFold(sums.Memory, result.Memory, parts, factor), shape.Rows, parts | 1);
        }
    }

    /// <summary>The whole body of the kernel.</summary>
    public void Run<TPlatform, TTerm, TLoaded>(TTerm term)
        where TPlatform : struct, IPlatform
        where TTerm : struct, IQuadTerm<TLoaded>
        where TLoaded : unmanaged
    {
        int row = this.parts.Quotient(Grid.IdxX), part = Grid.IdxX - (row * this.parts.Value);
        int begin = part * this.each, end = begin + this.each < this.quads ? begin + this.each : this.quads, i = begin + Group.IdxX;
        float sum = 0f;
        for (; i + ((Together - 1) * Threads) < end; i += Together * Threads)
        {
            QuadIndex at0 = new(row, i, 0, 0), at1 = new(row, i, 0, Threads), at2 = new(row, i, 0, 2 * Threads), at3 = new(row, i, 0, 3 * Threads);
            TLoaded a = term.Load(at0), b = term.Load(at1), c = term.Load(at2), d = term.Load(at3);
            sum += (term.Term(at0, a) + term.Term(at1, b)) + (term.Term(at2, c) + term.Term(at3, d));
        }

        for (; i < end; i += Threads)
        {
            QuadIndex at = new(row, i, 0, 0);
            sum += term.Term(at, term.Load(at));
        }

        sum = TPlatform.Sum(sum);
        if (TPlatform.Rank == 0)
        {
            this.to.View[Grid.IdxX] = sum * this.factor;
        }
    }

    private static int Parts(int columns) => ((columns / 4) + MostQuads - 1) / MostQuads;
}

/// <summary>GPU: adds up the parts of a row.</summary>
internal readonly struct RowTotalFold(Floats partial, Floats result, int parts, float factor) : IRowKernel
{
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        float sum = 0f;
        for (int part = TPlatform.Rank; part < parts; part += TPlatform.Size)
        {
            sum += TLane.Read(partial, (row * parts) + part);
        }

        sum = TPlatform.Sum(sum);
        if (TPlatform.Rank == 0)
        {
            TLane.Store(result, row, TLane.Of(sum * factor));
        }
    }
}
