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
