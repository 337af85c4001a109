using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>
/// CPU: a few rows of A against all columns of B, both of which stand along K in memory: dot products. To turn B for the
/// micro-kernel would take longer than all sums. A tile is four columns of B.
/// </summary>
internal readonly struct LinearDots(Product product) : ITileKernel
{
    private const int Columns = 4, MostRows = 16;

    /// <summary>Tiles of one product.</summary>
    public int Tiles => (product.N + Columns - 1) / Columns;

    /// <summary>Whether a product is better computed so.</summary>
    public static bool Fits(Product p, int lane) =>
        p.M <= MostRows && p.A.ColumnStride == 1 && p.B.RowStride == 1 && p.K % lane == 0 && p.Activation == Activation.Identity;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public unsafe void Execute<TLane>(long tile, int thread)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        long batch = tile / this.Tiles;
        int n = (int)(tile % this.Tiles) * Columns, last = product.N - 1;
        float* a = product.A.Memory.Pointer + (batch * product.A.BatchStride), b = product.B.Memory.Pointer + (batch * product.B.BatchStride);

        // Columns beyond the last are computed as the last, and not kept.
        float* b0 = b + (n * product.B.ColumnStride), b1 = b + (Math.Min(n + 1, last) * product.B.ColumnStride);
        float* b2 = b + (Math.Min(n + 2, last) * product.B.ColumnStride), b3 = b + (Math.Min(n + 3, last) * product.B.ColumnStride);
        int m = 0;
        for (; m + 4 <= product.M; m += 4)
        {
            this.Four<TLane>(a + (m * product.A.RowStride), b0, b1, b2, b3, batch, m, n);
        }

        for (; m < product.M; m++)
        {
            this.One<TLane>(a + (m * product.A.RowStride), b0, b1, b2, b3, batch, m, n);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private unsafe void Four<TLane>(float* a, float* b0, float* b1, float* b2, float* b3, long batch, int m, int n)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        float* a1 = a + product.A.RowStride, a2 = a1 + product.A.RowStride, a3 = a2 + product.A.RowStride;
        TLane c00 = default, c01 = default, c02 = default, c03 = default, c10 = default, c11 = default, c12 = default, c13 = default;
        TLane c20 = default, c21 = default, c22 = default, c23 = default, c30 = default, c31 = default, c32 = default, c33 = default;
        for (int k = 0; k < product.K; k += TLane.Count)
        {
            TLane x0 = TLane.LoadFrom(b0 + k), x1 = TLane.LoadFrom(b1 + k), x2 = TLane.LoadFrom(b2 + k), x3 = TLane.LoadFrom(b3 + k);
            TLane y = TLane.LoadFrom(a + k);
            c00 = TLane.Fma(y, x0, c00);
            c01 = TLane.Fma(y, x1, c01);
            c02 = TLane.Fma(y, x2, c02);
            c03 = TLane.Fma(y, x3, c03);
            y = TLane.LoadFrom(a1 + k);
            c10 = TLane.Fma(y, x0, c10);
            c11 = TLane.Fma(y, x1, c11);
            c12 = TLane.Fma(y, x2, c12);
            c13 = TLane.Fma(y, x3, c13);
            y = TLane.LoadFrom(a2 + k);
            c20 = TLane.Fma(y, x0, c20);
            c21 = TLane.Fma(y, x1, c21);
            c22 = TLane.Fma(y, x2, c22);
            c23 = TLane.Fma(y, x3, c23);
            y = TLane.LoadFrom(a3 + k);
            c30 = TLane.Fma(y, x0, c30);
            c31 = TLane.Fma(y, x1, c31);
            c32 = TLane.Fma(y, x2, c32);
            c33 = TLane.Fma(y, x3, c33);
        }

        this.Put(batch, m, n, c00, c01, c02, c03);
        this.Put(batch, m + 1, n, c10, c11, c12, c13);
        this.Put(batch, m + 2, n, c20, c21, c22, c23);
        this.Put(batch, m + 3, n, c30, c31, c32, c33);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private unsafe void One<TLane>(float* a, float* b0, float* b1, float* b2, float* b3, long batch, int m, int n)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        TLane c0 = default, c1 = default, c2 = default, c3 = default;
        for (int k = 0; k < product.K; k += TLane.Count)
        {
            TLane y = TLane.LoadFrom(a + k);
            c0 = TLane.Fma(y, TLane.LoadFrom(b0 + k), c0);
            c1 = TLane.Fma(y, TLane.LoadFrom(b1 + k), c1);
            c2 = TLane.Fma(y, TLane.LoadFrom(b2 + k), c2);
            c3 = TLane.Fma(y, TLane.LoadFrom(b3 + k), c3);
        }

        this.Put(batch, m, n, c0, c1, c2, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe void Put<TLane>(long batch, int m, int n, TLane c0, TLane c1, TLane c2, TLane c3)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        float* sums = stackalloc float[Columns];
        sums[0] = TLane.Sum(c0);
        sums[1] = TLane.Sum(c1);
        sums[2] = TLane.Sum(c2);
        sums[3] = TLane.Sum(c3);
        float* c = product.C.Memory.Pointer + (batch * product.C.BatchStride) + (m * product.C.RowStride);
        float* bias = product.Bias.Memory.Pointer + (batch * product.Bias.BatchStride);
        for (int j = 0; j < Math.Min(Columns, product.N - n); j++)
        {
            float* to = c + ((n + j) * product.C.ColumnStride);
            *to = sums[j] + (product.Start == LinearStart.Bias ? bias[n + j] : product.Start == LinearStart.Add ? *to : 0f);
        }
    }
}
