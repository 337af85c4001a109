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
            for (; i + 8 <= count; i += 8)
            {
                float a = mine[i * step], b = mine[(i + 1) * step], c = mine[(i + 2) * step], d = mine[(i + 3) * step];
                float e = mine[(i + 4) * step], f = mine[(i + 5) * step], g = mine[(i + 6) * step], h = mine[(i + 7) * step];
                sum += ((a + b) + (c + d)) + ((e + f) + (g + h));
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

/// <summary>GPU, second stage of many narrow sums: a thread has four columns of one, and six parts on their way.</summary>
internal readonly struct ColumnSumFoldQuads(Floats partial, Target y, int columns, int parts, int count) : IGroupKernel
{
    public const int Threads = 256;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        int quads = columns / 4, thread = (Grid.IdxX * Threads) + Group.IdxX;
        if (thread >= count)
        {
            return;
        }

        int row = thread / quads, quad = thread - (row * quads), i = 0;
        ArrayView<FloatQuad> mine = FloatQuad.Of(partial).SubView(((long)row * parts * quads) + quad);
        FloatQuad sum = default;
        for (; i + 6 <= parts; i += 6)
        {
            FloatQuad a = mine[i * quads], b = mine[(i + 1) * quads], c = mine[(i + 2) * quads];
            FloatQuad d = mine[(i + 3) * quads], e = mine[(i + 4) * quads], f = mine[(i + 5) * quads];
            sum += ((a + b) + (c + d)) + (e + f);
        }

        for (; i < parts; i++)
        {
            sum += mine[i * quads];
        }

        y.Put(row, 4 * quad, QuadLane.Of(sum));
    }
}

/// <summary>GPU: a group sums 256 columns over some rows, of which each of four teams has a share; a thread has four columns and eight loads on their way.</summary>
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
    public const int Teams = 4;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> shared = SharedMemory.Allocate<FloatQuad>(Teams * QuadPlace.Threads);
        int thread = Group.IdxX % QuadPlace.Threads, team = Group.IdxX / QuadPlace.Threads;
        QuadPlace place = new(columns, thread);
        FloatQuad sum = default;
        if (place.Column < columns)
        {
            int part = (int)(place.Strip % parts);
            long first = ColumnSum.Begin(rows, part, parts);
            int terms = count != 0 ? count : (int)(ColumnSum.Begin(rows, part + 1, parts) - first);
            first = count != 0 ? place.Strip : (place.Strip / parts * rows) + first;
            int begin = terms * team / Teams;
            sum = this.Sum(first + (begin * step), (terms * (team + 1) / Teams) - begin, place.Column);
        }

        shared[Group.IdxX] = sum;
        TPlatform.Barrier();
        if (team == 0 && place.Column < columns)
        {
            sum += shared[thread + QuadPlace.Threads] + (shared[thread + (2 * QuadPlace.Threads)] + shared[thread + (3 * QuadPlace.Threads)]);
            y.Put(place.Strip, place.Column, QuadLane.Of(sum));
        }
    }

    private FloatQuad Sum(long first, int terms, int column)
    {
        ArrayView<TStored> mine = TStored.Of(x).SubView(((first * xPitch) + column) / 4);
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

        return sum;
    }
}
