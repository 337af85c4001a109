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
            int step = Teams * columns, count = (parts - team + Teams - 1) / Teams;
            for (int i = 0; i < count; i += 8)
            {
                float a = Part(mine, i, count, step), b = Part(mine, i + 1, count, step), c = Part(mine, i + 2, count, step);
                float d = Part(mine, i + 3, count, step), e = Part(mine, i + 4, count, step), f = Part(mine, i + 5, count, step);
                float g = Part(mine, i + 6, count, step), h = Part(mine, i + 7, count, step);
                sum += ((a + b) + (c + d)) + ((e + f) + (g + h));
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

    // The last few are loaded at once too, the first part in place of those that are not there: one by one they would take longest.
    private static float Part(ArrayView<float> parts, int i, int count, int step)
    {
        float part = parts[(i < count ? i : 0) * step];
        return i < count ? part : 0f;
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
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct RowSumGroups<TStored>(Floats x, Target y, int xPitch, int columns, RowRuns runs) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public const int Teams = 4;

    public static int GroupsPerProcessor => 4;

    public static int ThreadsPerGroup => Teams * QuadPlace.Threads;

    /// <summary>Rows that a group has on their way: parts that are multiples of it leave no loads for one by one.</summary>
    public const int Unit = 8 * Teams;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> shared = SharedMemory.Allocate<FloatQuad>(Teams * QuadPlace.Threads);
        int thread = Group.IdxX % QuadPlace.Threads, team = Group.IdxX / QuadPlace.Threads;
        QuadPlace place = new(columns, thread);
        FloatQuad sum = default;
        if (place.Column < columns)
        {
            long first = runs.First((int)place.Strip, out int terms);
            int begin = terms * team / Teams;
            sum = this.Sum(first + (begin * runs.Step), (terms * (team + 1) / Teams) - begin, place.Column);
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
        long apart = runs.Step * (xPitch >> 2);
        FloatQuad sum = default;
        int i = 0;
        for (; i + 8 <= terms; i += 8)
        {
            // From one to the next, for multiples of a distance of 64 bits take as long as all else here.
            ArrayView<TStored> start = mine.SubView(i * apart), second = start.SubView(apart), third = second.SubView(apart);
            ArrayView<TStored> fourth = third.SubView(apart), fifth = fourth.SubView(apart), sixth = fifth.SubView(apart);
            ArrayView<TStored> seventh = sixth.SubView(apart), eighth = seventh.SubView(apart);
            TStored a = start[0], b = second[0], c = third[0], d = fourth[0], e = fifth[0], f = sixth[0], g = seventh[0], h = eighth[0];
            sum += ((a.Value + b.Value) + (c.Value + d.Value)) + ((e.Value + f.Value) + (g.Value + h.Value));
        }

        for (; i < terms; i++)
        {
            TStored last = mine[i * apart];
            sum += last.Value;
        }

        return sum;
    }
}
