using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a thread has four columns of up to four rows of a sample, all on their way at once.</summary>
/// <remarks>x, the gate and y are stored as <typeparamref name="TStream"/>, o as <typeparamref name="TBranch"/>.</remarks>
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad))]
internal readonly struct GatedResidualForwardGroups<TStream, TBranch>(
    Floats x, Floats gate, Floats o, Floats y, int xPitch, int gatePitch, int oPitch, int yPitch, int columns, int rows) : IGroupKernel
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        RowFours place = new(columns, rows);
        if (place.Column >= columns)
        {
            return;
        }

        int xStep = xPitch / 4, oStep = oPitch / 4, yStep = yPitch / 4;
        FloatQuad factor = TStream.Of(gate)[((place.Sample * gatePitch) + place.Column) / 4].Value;
        ArrayView<TStream> xs = TStream.Of(x).SubView(((place.Row * xPitch) + place.Column) / 4);
        ArrayView<TBranch> os = TBranch.Of(o).SubView(((place.Row * oPitch) + place.Column) / 4);
        ArrayView<TStream> to = TStream.Of(y).SubView(((place.Row * yPitch) + place.Column) / 4);
        if (place.Left >= 4)
        {
            TStream x0 = xs[0], x1 = xs[xStep], x2 = xs[2 * xStep], x3 = xs[3 * xStep];
            TBranch o0 = os[0], o1 = os[oStep], o2 = os[2 * oStep], o3 = os[3 * oStep];
            to[0] = TStream.From(FloatQuad.Fma(factor, o0.Value, x0.Value));
            to[yStep] = TStream.From(FloatQuad.Fma(factor, o1.Value, x1.Value));
            to[2 * yStep] = TStream.From(FloatQuad.Fma(factor, o2.Value, x2.Value));
            to[3 * yStep] = TStream.From(FloatQuad.Fma(factor, o3.Value, x3.Value));
            return;
        }

        for (int i = 0; i < place.Left; i++)
        {
            to[i * yStep] = TStream.From(FloatQuad.Fma(factor, os[i * oStep].Value, xs[i * xStep].Value));
        }
    }
}

/// <summary>
/// GPU: a group has 128 columns of a part of a sample's rows, a thread four of these columns of a quarter of these rows,
/// whose share of dgate it sums in registers; the four shares meet in shared memory.
/// </summary>
/// <remarks>dy, the gate and dx are stored as <typeparamref name="TStream"/>, o and its gradient as <typeparamref name="TBranch"/>.</remarks>
[KernelInstance(typeof(FloatQuad), typeof(FloatQuad))]
[KernelInstance(typeof(FloatQuad), typeof(NarrowQuad))]
[KernelInstance(typeof(NarrowQuad), typeof(NarrowQuad))]
internal readonly struct GatedResidualBackwardGroups<TStream, TBranch>(
    Floats gate, Floats o, Floats dy, Target dx, Target sums, Target branch,
    int gatePitch, int oPitch, int dyPitch, int columns, int rows, int parts) : IGroupKernel
    where TStream : unmanaged, IStored<TStream, FloatQuad>
    where TBranch : unmanaged, IStored<TBranch, FloatQuad>
{
    private const int Team = 32;
    private const int Teams = 4;

    /// <summary>Launches a kernel that is laid out so.</summary>
    public void Launch(Device device, long strips) =>
        device.Groups(this, new(checked((int)(strips * ColumnGroups(columns))), 1, 1), Team * Teams);

    /// <summary>Parts of a sample's rows: one, so that nothing is left to add up, where samples and columns are enough groups for a large GPU.</summary>
    public static int Parts(long samples, long rows, int columns) =>
        ColumnSum.Parts(samples * ColumnGroups(columns), rows, most: 256, enough: 512, least: 4 * Teams);

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<FloatQuad> shared = SharedMemory.Allocate<FloatQuad>(Team * Teams);
        int groups = ColumnGroups(columns), lane = Group.IdxX % Team, team = Group.IdxX / Team;
        int strip = Grid.IdxX / groups, column = 4 * ((Grid.IdxX % groups * Team) + lane);
        FloatQuad sum = column < columns ? this.Run(strip / parts, strip % parts, team, column) : default;
        shared[Group.IdxX] = sum;
        TPlatform.Barrier();
        if (team == 0 && column < columns)
        {
            for (int i = 1; i < Teams; i++)
            {
                sum += shared[(i * Team) + lane];
            }

            sums.Put(strip, column, QuadLane.Of(sum));
        }
    }

    private static int ColumnGroups(int columns) => ((columns / 4) + Team - 1) / Team;

    private FloatQuad Run(int sample, int part, int team, int column)
    {
        // Parts and the shares of teams are of equal size, but for the last, and some may be empty.
        int size = (rows + parts - 1) / parts, share = (size + Teams - 1) / Teams, first = (part * size) + (team * share);
        int end = first + share < (part + 1) * size ? first + share : (part + 1) * size;
        end = end < rows ? end : rows;
        if (first >= end)
        {
            return default;
        }

        int count = end - first, dStep = dyPitch / 4, oStep = oPitch / 4;
        long begin = ((long)sample * rows) + first;
        FloatQuad factor = TStream.Of(gate)[(((long)sample * gatePitch) + column) / 4].Value, sum = default;
        ArrayView<TStream> ds = TStream.Of(dy).SubView(((begin * dyPitch) + column) / 4);
        ArrayView<TBranch> os = TBranch.Of(o).SubView(((begin * oPitch) + column) / 4);
        ArrayView<TStream> to = dx.From<TStream, FloatQuad>(begin, column);
        ArrayView<TBranch> branches = branch.From<TBranch, FloatQuad>(begin, column);
        int i = 0;
        if (dx.IsOverwritten && branch.IsOverwritten)
        {
            int toStep = dx.Pitch / 4, branchStep = branch.Pitch / 4;
            for (; i + 4 <= count; i += 4)
            {
                TStream d0 = ds[i * dStep], d1 = ds[(i + 1) * dStep], d2 = ds[(i + 2) * dStep], d3 = ds[(i + 3) * dStep];
                TBranch o0 = os[i * oStep], o1 = os[(i + 1) * oStep], o2 = os[(i + 2) * oStep], o3 = os[(i + 3) * oStep];
                to[i * toStep] = d0;
                to[(i + 1) * toStep] = d1;
                to[(i + 2) * toStep] = d2;
                to[(i + 3) * toStep] = d3;
                branches[i * branchStep] = TBranch.From(d0.Value * factor);
                branches[(i + 1) * branchStep] = TBranch.From(d1.Value * factor);
                branches[(i + 2) * branchStep] = TBranch.From(d2.Value * factor);
                branches[(i + 3) * branchStep] = TBranch.From(d3.Value * factor);
                sum = FloatQuad.Fma(d0.Value, o0.Value, sum);
                sum = FloatQuad.Fma(d1.Value, o1.Value, sum);
                sum = FloatQuad.Fma(d2.Value, o2.Value, sum);
                sum = FloatQuad.Fma(d3.Value, o3.Value, sum);
            }
        }

        for (; i < count; i++)
        {
            FloatQuad d = ds[i * dStep].Value;
            sum = FloatQuad.Fma(d, os[i * oStep].Value, sum);
            dx.Put<TStream, FloatQuad>(to, i * (dx.Pitch / 4), d);
            branch.Put<TBranch, FloatQuad>(branches, i * (branch.Pitch / 4), d * factor);
        }

        return sum;
    }
}
