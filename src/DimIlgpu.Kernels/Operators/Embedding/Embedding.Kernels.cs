using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 4 bytes read and 4 written per element.</summary>
internal readonly struct EmbeddingForward(Floats table, Floats labels, Floats y, int tablePitch, int yPitch) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long row = TLane.ReadInt(labels, strip);
        TLane.Store(y, (strip * yPitch) + column, TLane.Load(table, (row * tablePitch) + column));
    }
}

/// <summary>A strip is one row of the table, which alone writes it: no atomics, and a fixed order.</summary>
internal readonly struct EmbeddingBackward(
    Floats labels, Floats dy, Floats dtable, int dyPitch, int tablePitch, int batch, int add) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane sum = TLane.Of(0f);
        int found = 0;
        for (int b = 0; b < batch; b++)
        {
            if (TLane.ReadInt(labels, b) == strip)
            {
                sum += TLane.Load(dy, ((long)b * dyPitch) + column);
                found = 1;
            }
        }

        // Most rows of a large table meet no label of a batch: then there is nothing to add.
        long to = (strip * tablePitch) + column;
        if (add == 0)
        {
            TLane.Store(dtable, to, sum);
        }
        else if (found != 0)
        {
            TLane.Store(dtable, to, TLane.Load(dtable, to) + sum);
        }
    }
}

/// <summary>A tile is one row of the table, for which the labels are read once and not once a lane.</summary>
internal readonly unsafe struct EmbeddingBackwardRow(
    Floats labels, Floats dy, Floats dtable, int dyPitch, int tablePitch, int columns, int batch, int add) : ITileKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long tile, int thread)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int* label = (int*)labels.Pointer;
        float* to = dtable.Pointer + (tile * tablePitch);
        bool isEmpty = add == 0;
        for (int b = 0; b < batch; b++)
        {
            if (label[b] == tile)
            {
                float* from = dy.Pointer + ((long)b * dyPitch);
                for (int c = 0; c < columns; c += TLane.Count)
                {
                    TLane value = TLane.LoadFrom(from + c);
                    TLane.StoreTo(to + c, isEmpty ? value : TLane.LoadFrom(to + c) + value);
                }

                isEmpty = false;
            }
        }

        for (int c = 0; isEmpty && c < columns; c += TLane.Count)
        {
            TLane.StoreTo(to + c, TLane.Of(0f));
        }
    }
}
