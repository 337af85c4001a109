using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>
/// GPU: a group of 16×16 threads computes a 64×64 tile, 4×4 per thread, through shared memory 16 deep.
/// </summary>
internal readonly struct LinearTiles(Product product) : IGroupKernel
{
    public const int Side = 64;
    public const int Threads = 256;
    private const int Depth = 16;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        ArrayView<float> aTile = SharedMemory.Allocate<float>(Depth * Side);
        ArrayView<float> bTile = SharedMemory.Allocate<float>(Depth * Side);
        Product p = product;
        int batch = Grid.IdxZ / p.Parts, part = Grid.IdxZ % p.Parts;
        int begin = (int)((long)p.K * part / p.Parts), end = (int)((long)p.K * (part + 1) / p.Parts);
        int m0 = Grid.IdxY * Side, n0 = Grid.IdxX * Side;
        int tm = Group.IdxX / 16, tn = Group.IdxX % 16;
        long aBase = batch * p.A.BatchStride, bBase = batch * p.B.BatchStride;

        Quad r0 = default, r1 = default, r2 = default, r3 = default;
        for (int k0 = begin; k0 < end; k0 += Depth)
        {
            for (int i = Group.IdxX; i < Depth * Side; i += Group.DimX)
            {
                // The faster index follows the dimension that is adjacent in memory, so that loads coalesce.
                int am = p.A.ColumnStride == 1 ? i / Depth : i % Side, ak = p.A.ColumnStride == 1 ? i % Depth : i / Side;
                int m = m0 + am, k = k0 + ak;
                aTile[(ak * Side) + am] = m < p.M && k < end
                    ? ThreadLane.Read(p.A.Memory, aBase + (m * p.A.RowStride) + (k * p.A.ColumnStride))
                    : 0f;
                int bn = p.B.ColumnStride == 1 ? i % Side : i / Depth, bk = p.B.ColumnStride == 1 ? i / Side : i % Depth;
                int n = n0 + bn;
                k = k0 + bk;
                bTile[(bk * Side) + bn] = n < p.N && k < end
                    ? ThreadLane.Read(p.B.Memory, bBase + (k * p.B.RowStride) + (n * p.B.ColumnStride))
                    : 0f;
            }

            TPlatform.Barrier();
            for (int k = 0; k < Depth; k++)
            {
                int a = (k * Side) + tm, b = (k * Side) + tn;
                Quad columns = new(bTile[b], bTile[b + 16], bTile[b + 32], bTile[b + 48]);
                r0 = Quad.Fma(aTile[a], columns, r0);
                r1 = Quad.Fma(aTile[a + 16], columns, r1);
                r2 = Quad.Fma(aTile[a + 32], columns, r2);
                r3 = Quad.Fma(aTile[a + 48], columns, r3);
            }

            TPlatform.Barrier();
        }

        this.Store(r0, m0 + tm, n0 + tn);
        this.Store(r1, m0 + tm + 16, n0 + tn);
        this.Store(r2, m0 + tm + 32, n0 + tn);
        this.Store(r3, m0 + tm + 48, n0 + tn);
    }

    private void Store(Quad row, int m, int n)
    {
        if (m < product.M)
        {
            this.Store(row.X, m, n);
            this.Store(row.Y, m, n + 16);
            this.Store(row.Z, m, n + 32);
            this.Store(row.W, m, n + 48);
        }
    }

    private void Store(float value, int m, int n)
    {
        if (n < product.N)
        {
            Matrix c = product.C;
            long at = (Grid.IdxZ * c.BatchStride) + (m * c.RowStride) + n;
            if (product.Start == LinearStart.Bias)
            {
                value += ThreadLane.Read(product.Bias.Memory, (Grid.IdxZ * product.Bias.BatchStride) + n);
            }
            else if (product.Start == LinearStart.Add)
            {
                value += ThreadLane.Read(c.Memory, at);
            }

            value = product.Activation == Activation.Softplus ? SpecialFunctions.Softplus(value) : value;
            ThreadLane.Store(c.Memory, at, ThreadLane.Of(value));
        }
    }

    private readonly struct Quad(float x, float y, float z, float w)
    {
        public readonly float X = x, Y = y, Z = z, W = w;

        public static Quad Fma(float a, Quad b, Quad c) =>
            new((a * b.X) + c.X, (a * b.Y) + c.Y, (a * b.Z) + c.Z, (a * b.W) + c.W);
    }
}
