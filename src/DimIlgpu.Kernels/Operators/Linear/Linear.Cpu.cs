using System.Runtime.CompilerServices;
using ILGPU.IR.Intrinsics;

namespace DimIlgpu.Kernels;

/// <summary>
/// CPU: a tile is a panel of B's columns against a run of A's rows. The panel is packed 192 deep, so that it stays
/// in the first cache while blocks of rows pass by; A is read where it stands, one broadcast per element.
/// </summary>
internal readonly struct LinearPanels(Product product, int rowTiles, int panels, Floats packed) : ITileKernel
{
    private const int Depth = 192;
    private const int LongestRun = 1024;
    private const int EnoughTiles = 16;

    /// <summary>Lays a product out in tiles and runs it.</summary>
    public static void Launch(Device device, Product product, int batch)
    {
        int width = 3 * device.LaneWidth;
        int panels = (product.N + width - 1) / width;
        int runs = Math.Max(EnoughTiles / (panels * batch * product.Parts), (product.M + LongestRun - 1) / LongestRun);
        int rowTiles = Math.Clamp(runs, 1, (product.M + 7) / 8);
        int tiles = checked(batch * product.Parts * panels * rowTiles);
        using ArenaScope scope = device.Scratch.Scope();
        Tensor packed = device.Scratch.Rent(new(tiles, Depth * width));
        device.Tiles(new LinearPanels(product, rowTiles, panels, packed.Memory), tiles);
    }

    public void Execute<TLane>(long tile)
        where TLane : unmanaged, ICpuLane<TLane> => Run<TLane>(in product, rowTiles, panels, packed, (int)tile);

    [IntrinsicImplementation, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Run<TLane>(in Product p, int rowTiles, int panels, Floats packed, int tile)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int width = 3 * TLane.Count;
        int run = tile % rowTiles, panel = tile / rowTiles % panels, block = tile / rowTiles / panels;
        int batch = block / p.Parts, part = block % p.Parts;
        int begin = (int)((long)p.K * part / p.Parts), end = (int)((long)p.K * (part + 1) / p.Parts);
        int mBegin = (int)((long)p.M * run / rowTiles), mEnd = (int)((long)p.M * (run + 1) / rowTiles);
        int n0 = panel * width, columns = Math.Min(width, p.N - n0);
        int vectors = (columns + TLane.Count - 1) / TLane.Count;

        float* a = p.A.Memory.Pointer + (batch * p.A.BatchStride);
        float* b = p.B.Memory.Pointer + (batch * p.B.BatchStride) + (n0 * p.B.ColumnStride);
        float* c = p.C.Memory.Pointer + (block * p.C.BatchStride) + n0;
        float* bias = p.Bias.Memory.Pointer + (batch * p.Bias.BatchStride) + n0;
        float* panelMemory = packed.Pointer + ((long)tile * Depth * width);

        int depths = Math.Max((end - begin + Depth - 1) / Depth, 1);
        for (int d = 0; d < depths; d++)
        {
            int k0 = begin + (int)((long)(end - begin) * d / depths), k1 = begin + (int)((long)(end - begin) * (d + 1) / depths);
            Pack(b + (k0 * p.B.RowStride), p.B.RowStride, p.B.ColumnStride, k1 - k0, columns, vectors * TLane.Count, panelMemory);
            int start = d > 0 ? LinearStart.Add : p.Start;
            Rows<TLane>(
                vectors, k1 - k0, a + (k0 * p.A.ColumnStride), p.A.RowStride, p.A.ColumnStride, mBegin, mEnd,
                panelMemory, c, p.C.RowStride, columns, start, bias);
        }
    }

    /// <summary>Copies (depth, columns) of B to rows of <paramref name="width"/> elements, the rest zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Pack(float* b, long rowStride, long columnStride, int depth, int columns, int width, float* packed)
    {
        if (columnStride == 1)
        {
            for (int k = 0; k < depth; k++, packed += width)
            {
                new ReadOnlySpan<float>(b + (k * rowStride), columns).CopyTo(new Span<float>(packed, columns));
                new Span<float>(packed + columns, width - columns).Clear();
            }

            return;
        }

        for (int n = 0; n < width; n++)
        {
            float* to = packed + n;
            if (n < columns)
            {
                float* from = b + (n * columnStride);
                for (int k = 0; k < depth; k++)
                {
                    to[(long)k * width] = from[k * rowStride];
                }
            }
            else
            {
                for (int k = 0; k < depth; k++)
                {
                    to[(long)k * width] = 0f;
                }
            }
        }
    }

    private static unsafe void Rows<TLane>(
        int vectors, int depth, float* a, long am, long ak, int mBegin, int mEnd, float* b, float* c, long cm, int columns, int start, float* bias)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        // Sixteen registers hold 4×3 sums and their operands; thirty-two hold 8×3.
        int step = TLane.Count == 16 ? 8 : 4;
        for (int m = mBegin; m < mEnd; m += step)
        {
            int rows = Math.Min(step, mEnd - m);
            float* am0 = a + (m * am), cm0 = c + (m * cm);
            if (TLane.Count == 16)
            {
                switch (vectors)
                {
                    case 3: MicroKernel<TLane, Eight, Three>(depth, am0, am, ak, rows, b, cm0, cm, columns, start, bias); break;
                    case 2: MicroKernel<TLane, Eight, Two>(depth, am0, am, ak, rows, b, cm0, cm, columns, start, bias); break;
                    default: MicroKernel<TLane, Eight, One>(depth, am0, am, ak, rows, b, cm0, cm, columns, start, bias); break;
                }
            }
            else
            {
                switch (vectors)
                {
                    case 3: MicroKernel<TLane, Four, Three>(depth, am0, am, ak, rows, b, cm0, cm, columns, start, bias); break;
                    case 2: MicroKernel<TLane, Four, Two>(depth, am0, am, ak, rows, b, cm0, cm, columns, start, bias); break;
                    default: MicroKernel<TLane, Four, One>(depth, am0, am, ak, rows, b, cm0, cm, columns, start, bias); break;
                }
            }
        }
    }

    /// <summary>Up to 8 rows × 3 vectors of C in registers; rows beyond the last repeat it and are not stored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void MicroKernel<TLane, TRows, TVectors>(
        int depth, float* a, long am, long ak, int rows, float* b, float* c, long cm, int columns, int start, float* bias)
        where TLane : unmanaged, ICpuLane<TLane>
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        float* a0 = a, a1 = a + (Math.Min(1, rows - 1) * am), a2 = a + (Math.Min(2, rows - 1) * am), a3 = a + (Math.Min(3, rows - 1) * am);
        float* a4 = a, a5 = a, a6 = a, a7 = a;
        Row<TLane> r0 = default, r1 = default, r2 = default, r3 = default, r4 = default, r5 = default, r6 = default, r7 = default;
        if (TRows.Value > 4)
        {
            a4 = a + (Math.Min(4, rows - 1) * am);
            a5 = a + (Math.Min(5, rows - 1) * am);
            a6 = a + (Math.Min(6, rows - 1) * am);
            a7 = a + (Math.Min(7, rows - 1) * am);
        }

        int width = TVectors.Value * TLane.Count;
        long at = 0;
        for (int k = 0; k < depth; k++, at += ak, b += width)
        {
            Row<TLane> bk = Row<TLane>.Load<TVectors>(b);
            r0 = Row<TLane>.Fma<TVectors>(TLane.Of(a0[at]), bk, r0);
            r1 = Row<TLane>.Fma<TVectors>(TLane.Of(a1[at]), bk, r1);
            r2 = Row<TLane>.Fma<TVectors>(TLane.Of(a2[at]), bk, r2);
            r3 = Row<TLane>.Fma<TVectors>(TLane.Of(a3[at]), bk, r3);
            if (TRows.Value > 4)
            {
                r4 = Row<TLane>.Fma<TVectors>(TLane.Of(a4[at]), bk, r4);
                r5 = Row<TLane>.Fma<TVectors>(TLane.Of(a5[at]), bk, r5);
                r6 = Row<TLane>.Fma<TVectors>(TLane.Of(a6[at]), bk, r6);
                r7 = Row<TLane>.Fma<TVectors>(TLane.Of(a7[at]), bk, r7);
            }
        }

        Finish<TLane, TVectors>(r0, c, columns, start, bias);
        if (rows > 1) { Finish<TLane, TVectors>(r1, c + cm, columns, start, bias); }
        if (rows > 2) { Finish<TLane, TVectors>(r2, c + (2 * cm), columns, start, bias); }
        if (rows > 3) { Finish<TLane, TVectors>(r3, c + (3 * cm), columns, start, bias); }
        if (TRows.Value > 4)
        {
            if (rows > 4) { Finish<TLane, TVectors>(r4, c + (4 * cm), columns, start, bias); }
            if (rows > 5) { Finish<TLane, TVectors>(r5, c + (5 * cm), columns, start, bias); }
            if (rows > 6) { Finish<TLane, TVectors>(r6, c + (6 * cm), columns, start, bias); }
            if (rows > 7) { Finish<TLane, TVectors>(r7, c + (7 * cm), columns, start, bias); }
        }
    }

    /// <summary>Adds what the row starts from and stores the columns that exist.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Finish<TLane, TVectors>(Row<TLane> row, float* c, int columns, int start, float* bias)
        where TLane : unmanaged, ICpuLane<TLane>
        where TVectors : struct, ICount
    {
        float* from = start == LinearStart.Add ? c : bias;
        if (columns == TVectors.Value * TLane.Count)
        {
            (start == LinearStart.Zero ? row : row.Plus<TVectors>(from)).Store<TVectors>(c);
        }
        else
        {
            Partial<TLane, TVectors>(row, c, columns, start, from);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void Partial<TLane, TVectors>(Row<TLane> row, float* c, int columns, int start, float* from)
        where TLane : unmanaged, ICpuLane<TLane>
        where TVectors : struct, ICount
    {
        float* values = stackalloc float[TVectors.Value * TLane.Count];
        row.Store<TVectors>(values);
        for (int n = 0; n < columns; n++)
        {
            c[n] = start == LinearStart.Zero ? values[n] : values[n] + from[n];
        }
    }

    private interface ICount
    {
        static abstract int Value { get; }
    }

    private readonly struct One : ICount
    {
        public static int Value => 1;
    }

    private readonly struct Two : ICount
    {
        public static int Value => 2;
    }

    private readonly struct Three : ICount
    {
        public static int Value => 3;
    }

    private readonly struct Four : ICount
    {
        public static int Value => 4;
    }

    private readonly struct Eight : ICount
    {
        public static int Value => 8;
    }

    private struct Row<TLane>
        where TLane : unmanaged, ICpuLane<TLane>
    {
        public TLane X;
        public TLane Y;
        public TLane Z;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static unsafe Row<TLane> Load<TVectors>(float* address)
            where TVectors : struct, ICount
        {
            Row<TLane> row = default;
            row.X = TLane.LoadFrom(address);
            if (TVectors.Value > 1)
            {
                row.Y = TLane.LoadFrom(address + TLane.Count);
            }

            if (TVectors.Value > 2)
            {
                row.Z = TLane.LoadFrom(address + (2 * TLane.Count));
            }

            return row;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Row<TLane> Fma<TVectors>(TLane a, Row<TLane> b, Row<TLane> c)
            where TVectors : struct, ICount
        {
            c.X = TLane.Fma(a, b.X, c.X);
            if (TVectors.Value > 1)
            {
                c.Y = TLane.Fma(a, b.Y, c.Y);
            }

            if (TVectors.Value > 2)
            {
                c.Z = TLane.Fma(a, b.Z, c.Z);
            }

            return c;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly unsafe Row<TLane> Plus<TVectors>(float* address)
            where TVectors : struct, ICount
        {
            Row<TLane> row = Load<TVectors>(address);
            row.X += this.X;
            row.Y += this.Y;
            row.Z += this.Z;
            return row;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly unsafe void Store<TVectors>(float* address)
            where TVectors : struct, ICount
        {
            TLane.StoreTo(address, this.X);
            if (TVectors.Value > 1)
            {
                TLane.StoreTo(address + TLane.Count, this.Y);
            }

            if (TVectors.Value > 2)
            {
                TLane.StoreTo(address + (2 * TLane.Count), this.Z);
            }
        }
    }
}
