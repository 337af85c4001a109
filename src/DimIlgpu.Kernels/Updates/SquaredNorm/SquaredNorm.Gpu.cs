using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>GPU, first stage: a group is a part, a run of quads, of which each thread has eight on their way.</summary>
internal readonly struct SquaredNormGroups(Floats x, Floats partial, long quads, int parts) : IGroupKernel
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        long begin = ColumnSum.Begin(quads, Grid.IdxX, parts);
        int count = (int)(ColumnSum.Begin(quads, Grid.IdxX + 1, parts) - begin), i = TPlatform.Rank, step = TPlatform.Size;
        ArrayView<FloatQuad> mine = FloatQuad.Of(x).SubView(begin);
        float sum = 0f;
        for (; i + (7 * step) < count; i += 8 * step)
        {
            FloatQuad a = mine[i], b = mine[i + step], c = mine[i + (2 * step)], d = mine[i + (3 * step)];
            FloatQuad e = mine[i + (4 * step)], f = mine[i + (5 * step)], g = mine[i + (6 * step)], h = mine[i + (7 * step)];
            sum += ((FloatQuad.Dot(a, a) + FloatQuad.Dot(b, b)) + (FloatQuad.Dot(c, c) + FloatQuad.Dot(d, d)))
                + ((FloatQuad.Dot(e, e) + FloatQuad.Dot(f, f)) + (FloatQuad.Dot(g, g) + FloatQuad.Dot(h, h)));
        }

        for (; i < count; i += step)
        {
            sum += FloatQuad.Dot(mine[i], mine[i]);
        }

        sum = TPlatform.Sum(sum);
        if (TPlatform.Rank == 0)
        {
            partial.View[Grid.IdxX] = sum;
        }
    }
}
