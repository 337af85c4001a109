using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Which two adjacent rows and which four columns a thread has, laid out as <see cref="QuadPlace"/> says.</summary>
internal readonly struct RowPair
{
    public readonly long Row;
    public readonly int Column;

    /// <summary>Whether there is a second row; the first is loaded twice where there is none.</summary>
    public readonly bool HasNext;

    public RowPair(int columns, long rows)
    {
        QuadPlace place = new(columns);
        this.Row = 2 * place.Strip;
        this.Column = place.Column;
        this.HasNext = this.Row + 1 < rows;
    }

    /// <summary>A tensor's memory from the thread's first quad on, or from that of as many rows further down.</summary>
    public ArrayView<TStored> Of<TStored>(Floats memory, int pitch, long down)
        where TStored : unmanaged, IStored<TStored, FloatQuad> =>
        TStored.Of(memory).SubView((((this.Row + down) * pitch) + this.Column) / 4);

    /// <summary>Where the second row's quad is in such a view.</summary>
    public int Next(int pitch) => this.HasNext ? pitch / 4 : 0;

    /// <summary>Launches a kernel that is laid out so.</summary>
    public static void Launch<TKernel>(Device device, TKernel kernel, long rows, int columns)
        where TKernel : struct, IGroupKernel => QuadPlace.Launch(device, kernel, (rows + 1) / 2, columns);
}
