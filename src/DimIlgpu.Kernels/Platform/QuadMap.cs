using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>A GPU kernel that computes each element from those at the same place, four adjacent ones at once.</summary>
/// <typeparam name="TLoaded">What is loaded for four elements, as it is stored.</typeparam>
internal interface IQuadMap<TLoaded> : IGroupKernel
    where TLoaded : unmanaged
{
    // Left alone, ptxas takes 32 registers at most, and with them the second half of the loads waits for the first.
    static int IGroupKernel.GroupsPerProcessor => 6;

    static int IGroupKernel.ThreadsPerGroup => QuadMap.Threads;

    /// <summary>Adjacent rows of a thread, 2 or 4, whose loads are all on their way before the first is used.</summary>
    static virtual int Rows => 4;

    /// <summary>Loads what four elements are computed from, and computes nothing, for that would wait.</summary>
    TLoaded Load(QuadIndex at);

    /// <summary>Computes and stores the four.</summary>
    void Store(QuadIndex at, TLoaded loaded);
}

/// <summary>Four adjacent columns of a row.</summary>
/// <remarks>
/// What a thread's quads have in common is told apart from what sets each apart, a small constant: their addresses then
/// differ by offsets, where 64-bit sums of their own would take as many instructions as the arithmetic.
/// </remarks>
/// <param name="row">The row of the first of some quads.</param>
/// <param name="quad">Its place among the quads of that row.</param>
/// <param name="down">Rows from there on.</param>
/// <param name="along">Quads from there on.</param>
internal readonly struct QuadIndex(int row, int quad, int down, int along)
{
    public int Row => row + down;

    /// <summary>What a view has there, at a pitch in elements.</summary>
    public T Read<T>(ArrayView<T> view, int pitch)
        where T : unmanaged => this.From(view, pitch)[this.Offset(pitch)];

    /// <summary>What it has in the same columns of another row.</summary>
    public T Read<T>(ArrayView<T> view, int pitch, int otherRow)
        where T : unmanaged => view.SubView(((long)otherRow * (pitch >> 2)) + quad)[along];

    /// <summary>Writes there.</summary>
    public void Write<T>(ArrayView<T> view, int pitch, T value)
        where T : unmanaged => this.From(view, pitch)[this.Offset(pitch)] = value;

    // A view from the first of the quads on, and where this one is in it.
    private ArrayView<T> From<T>(ArrayView<T> view, int pitch)
        where T : unmanaged => view.SubView(((long)row * (pitch >> 2)) + quad);

    private int Offset(int pitch) => (down * (pitch >> 2)) + along;
}

/// <summary>Two inputs as they are stored.</summary>
internal readonly struct TwoQuads<TStored>(TStored a, TStored b)
    where TStored : unmanaged
{
    public readonly TStored A = a, B = b;
}

/// <summary>Three of them.</summary>
internal readonly struct ThreeQuads<TStored>(TStored a, TStored b, TStored c)
    where TStored : unmanaged
{
    public readonly TStored A = a, B = b, C = c;
}

/// <summary>How an <see cref="IQuadMap{TLoaded}"/> is laid out: a thread has four adjacent columns of some adjacent rows.</summary>
internal readonly struct QuadMap
{
    public const int Threads = 256;

    private readonly Divisor quads;
    private readonly int rows, count;

    private QuadMap(Shape shape, int together)
    {
        this.quads = new(shape.Columns / 4);
        this.rows = (int)shape.Rows;
        this.count = checked((int)(((shape.Rows + together - 1) / together) * (shape.Columns / 4)));
    }

    /// <summary>The layout over a tensor's shape.</summary>
    public static QuadMap Of<TMap, TLoaded>(Tensor tensor)
        where TMap : struct, IQuadMap<TLoaded>
        where TLoaded : unmanaged => new(tensor.Shape, TMap.Rows);

    /// <summary>Whether a device has threads, the tensors are stored alike by four, and so many quads can be counted.</summary>
    public static bool Takes(Device device, Tensor tensor, params ReadOnlySpan<Tensor> others) =>
        Stored.IsQuad(device, tensor, others) && tensor.Shape.Length / 4 < int.MaxValue - Threads;

    /// <summary>Launches a kernel over the layout that it was given.</summary>
    public void Launch<TKernel>(Device device, TKernel kernel)
        where TKernel : struct, IGroupKernel => device.Groups(kernel, new((int)(((long)this.count + Threads - 1) / Threads), 1, 1), Threads);

    /// <summary>The whole body of the kernel.</summary>
    public void Run<TMap, TLoaded>(TMap map)
        where TMap : struct, IQuadMap<TLoaded>
        where TLoaded : unmanaged
    {
        int thread = (Grid.IdxX * Threads) + Group.IdxX;
        if (thread >= this.count)
        {
            return;
        }

        int block = this.quads.Quotient(thread), quad = thread - (block * this.quads.Value), row = block * TMap.Rows;
        if (row + TMap.Rows > this.rows)
        {
            for (; row < this.rows; row++)
            {
                QuadIndex at = new(row, quad, 0, 0);
                map.Store(at, map.Load(at));
            }
        }
        else if (TMap.Rows == 4)
        {
            QuadIndex at0 = new(row, quad, 0, 0), at1 = new(row, quad, 1, 0), at2 = new(row, quad, 2, 0), at3 = new(row, quad, 3, 0);
            TLoaded a = map.Load(at0), b = map.Load(at1), c = map.Load(at2), d = map.Load(at3);
            map.Store(at0, a);
            map.Store(at1, b);
            map.Store(at2, c);
            map.Store(at3, d);
        }
        else
        {
            QuadIndex at0 = new(row, quad, 0, 0), at1 = new(row, quad, 1, 0);
            TLoaded a = map.Load(at0), b = map.Load(at1);
            map.Store(at0, a);
            map.Store(at1, b);
        }
    }
}
