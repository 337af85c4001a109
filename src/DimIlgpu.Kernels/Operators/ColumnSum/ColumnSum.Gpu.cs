using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU, second stage: a group is 32 columns of one sum, whose parts eight threads share.</summary>
/// <remarks>Columns from <paramref name="split"/> on may go elsewhere, so that one launch serves two gradients.</remarks>
internal readonly struct ColumnSumFoldGroups(Floats partial, Target first, Target second, int split, int columns, int parts)
    : IGroupKernel
{
    public const int Columns = 32;
    public const int Teams = 8;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Columns * Teams);
        int groups = (columns + Columns - 1) / Columns, team = Group.IdxX / Columns, lane = Group.IdxX % Columns;
        int row = Grid.IdxX / groups, column = (Grid.IdxX % groups * Columns) + lane;
        float sum = 0f;
        if (column < columns && team < parts)
        {
            ArrayView<float> mine = partial.View.SubView(((((long)row * parts) + team) * columns) + column);
            int step = Teams * columns, count = (parts - team + Teams - 1) / Teams, i = 0;
            for (; i + 4 <= count; i += 4)
            {
                float a = mine[i * step], b = mine[(i + 1) * step], c = mine[(i + 2) * step], d = mine[(i + 3) * step];
                sum += (a + b) + (c + d);
            }

            for (; i < count; i++)
            {
                sum += mine[i * step];
            }
        }

        shared[Group.IdxX] = sum;
        TPlatform.Barrier();
        if (team == 0 && column < columns)
        {
            for (int i = 1; i < Teams; i++)
            {
                sum += shared[(i * Columns) + lane];
            }

            if (column < split)
            {
                first.Put(row, column, ThreadLane.Of(sum));
            }
            else
            {
                second.Put(row, column - split, ThreadLane.Of(sum));
            }
        }
    }
}

/// <summary>GPU: a thread sums four columns over some rows, eight loads at a time.</summary>
/// <remarks>
/// Strip s is part s mod parts of group s / parts, of <paramref name="rows"/> adjacent rows; or, where <paramref name="count"/>
/// is not 0, row s and the <paramref name="count"/> − 1 that follow <paramref name="step"/> rows apart.
/// </remarks>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct RowSumGroups<TStored>(Floats x, Target y, int xPitch, int columns, long rows, int parts, long step, int count)
    : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        QuadPlace place = new(columns);
        if (place.Column >= columns)
        {
            return;
        }

        int part = (int)(place.Strip % parts);
        long first = ColumnSum.Begin(rows, part, parts);
        int terms = count != 0 ? count : (int)(ColumnSum.Begin(rows, part + 1, parts) - first);
        first = count != 0 ? place.Strip : (place.Strip / parts * rows) + first;
        ArrayView<TStored> mine = TStored.Of(x).SubView(((first * xPitch) + place.Column) / 4);
        long apart = step * xPitch / 4;
        FloatQuad sum = default;
        int i = 0;
        for (; i + 8 <= terms; i += 8)
        {
            TStored a = mine[i * apart], b = mine[(i + 1) * apart], c = mine[(i + 2) * apart], d = mine[(i + 3) * apart];
            TStored e = mine[(i + 4) * apart], f = mine[(i + 5) * apart], g = mine[(i + 6) * apart], h = mine[(i + 7) * apart];
            sum += ((a.Value + b.Value) + (c.Value + d.Value)) + ((e.Value + f.Value) + (g.Value + h.Value));
        }

        for (; i < terms; i++)
        {
            sum += mine[i * apart].Value;
        }

        y.Put(place.Strip, place.Column, QuadLane.Of(sum));
    }
}
