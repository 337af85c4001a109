using System.Runtime.CompilerServices;

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
        Tensor packed = device.Scratch.Rent(new(device.Workers, Depth * width));
        device.Tiles(new LinearPanels(product, rowTiles, panels, packed.Memory), tiles, device.LaneWidth);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public unsafe void Execute<TLane>(long tile, int worker)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        Product p = product;
        int width = 3 * TLane.Count;
        int run = (int)(tile % rowTiles), panel = (int)(tile / rowTiles % panels), block = (int)(tile / rowTiles / panels);
        int batch = block / p.Parts, part = block % p.Parts;
        int begin = (int)((long)p.K * part / p.Parts), end = (int)((long)p.K * (part + 1) / p.Parts);
        int mBegin = (int)((long)p.M * run / rowTiles), mEnd = (int)((long)p.M * (run + 1) / rowTiles);
        int n0 = panel * width, columns = Math.Min(width, p.N - n0);
        int vectors = (columns + TLane.Count - 1) / TLane.Count;

        float* a = p.A.Memory.Pointer + (batch * p.A.BatchStride);
        float* b = p.B.Memory.Pointer + (batch * p.B.BatchStride) + (n0 * p.B.ColumnStride);
        float* c = p.C.Memory.Pointer + (block * p.C.BatchStride) + n0;
        float* bias = p.Bias.Memory.Pointer + (batch * p.Bias.BatchStride) + n0;
        float* panelMemory = packed.Pointer + ((long)worker * Depth * width);

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
        int step = TLane.Count == 16 ? 8 : 4, width = vectors * TLane.Count;
        float* trimmed = stackalloc float[8 * 3 * 16];
        for (int m = mBegin; m < mEnd; m += step)
        {
            int rows = Math.Min(step, mEnd - m);
            float* block = columns == width ? c + (m * cm) : trimmed;
            (long blockPitch, int blockStart) = columns == width ? (cm, start) : (width, LinearStart.Zero);
            if (TLane.Count == 16)
            {
                Columns<TLane, Eight>(vectors, depth, a + (m * am), am, ak, rows, b, block, blockPitch, blockStart, bias);
            }
            else
            {
                Columns<TLane, Four>(vectors, depth, a + (m * am), am, ak, rows, b, block, blockPitch, blockStart, bias);
            }

            if (columns < width)
            {
                Trim(trimmed, width, c + (m * cm), cm, rows, columns, start, bias);
            }
        }
    }

    private static unsafe void Columns<TLane, TRows>(
        int vectors, int depth, float* a, long am, long ak, int rows, float* b, float* c, long cm, int start, float* bias)
        where TLane : unmanaged, ICpuLane<TLane>
        where TRows : struct, ICount
    {
        switch (vectors)
        {
            case 3:
                MicroKernel<TLane, TRows, Three>(depth, a, am, ak, rows, b, c, cm, start, bias);
                break;
            case 2:
                MicroKernel<TLane, TRows, Two>(depth, a, am, ak, rows, b, c, cm, start, bias);
                break;
            default:
                MicroKernel<TLane, TRows, One>(depth, a, am, ak, rows, b, c, cm, start, bias);
                break;
        }
    }

    /// <summary>Up to 8 rows × 3 vectors of C in registers; rows beyond the last repeat it and are not stored.</summary>
    /// <remarks>
    /// Every sum is a local of its own, and nothing is called while they live: gathered in structs, or kept across a
    /// call, the JIT puts them in memory, which is three to four times slower.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void MicroKernel<TLane, TRows, TVectors>(
        int depth, float* a, long am, long ak, int rows, float* b, float* c, long cm, int start, float* bias)
        where TLane : unmanaged, ICpuLane<TLane>
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        float* a1 = a + (Math.Min(1, rows - 1) * am);
        float* a2 = a + (Math.Min(2, rows - 1) * am);
        float* a3 = a + (Math.Min(3, rows - 1) * am);
        float* a4 = a + (Math.Min(4, rows - 1) * am);
        float* a5 = a + (Math.Min(5, rows - 1) * am);
        float* a6 = a + (Math.Min(6, rows - 1) * am);
        float* a7 = a + (Math.Min(7, rows - 1) * am);
        TLane x0 = default, y0 = default, z0 = default;
        TLane x1 = default, y1 = default, z1 = default;
        TLane x2 = default, y2 = default, z2 = default;
        TLane x3 = default, y3 = default, z3 = default;
        TLane x4 = default, y4 = default, z4 = default;
        TLane x5 = default, y5 = default, z5 = default;
        TLane x6 = default, y6 = default, z6 = default;
        TLane x7 = default, y7 = default, z7 = default;
        int width = TVectors.Value * TLane.Count;
        for (int k = 0; k < depth; k++)
        {
            TLane bx = TLane.LoadFrom(b), by = default, bz = default;
            if (TVectors.Value > 1)
            {
                by = TLane.LoadFrom(b + TLane.Count);
            }

            if (TVectors.Value > 2)
            {
                bz = TLane.LoadFrom(b + (2 * TLane.Count));
            }

            TLane v0 = TLane.Of(*a);
            x0 = TLane.Fma(v0, bx, x0);
            y0 = TVectors.Value > 1 ? TLane.Fma(v0, by, y0) : y0;
            z0 = TVectors.Value > 2 ? TLane.Fma(v0, bz, z0) : z0;
            a += ak;
            TLane v1 = TLane.Of(*a1);
            x1 = TLane.Fma(v1, bx, x1);
            y1 = TVectors.Value > 1 ? TLane.Fma(v1, by, y1) : y1;
            z1 = TVectors.Value > 2 ? TLane.Fma(v1, bz, z1) : z1;
            a1 += ak;
            TLane v2 = TLane.Of(*a2);
            x2 = TLane.Fma(v2, bx, x2);
            y2 = TVectors.Value > 1 ? TLane.Fma(v2, by, y2) : y2;
            z2 = TVectors.Value > 2 ? TLane.Fma(v2, bz, z2) : z2;
            a2 += ak;
            TLane v3 = TLane.Of(*a3);
            x3 = TLane.Fma(v3, bx, x3);
            y3 = TVectors.Value > 1 ? TLane.Fma(v3, by, y3) : y3;
            z3 = TVectors.Value > 2 ? TLane.Fma(v3, bz, z3) : z3;
            a3 += ak;
            if (TRows.Value > 4)
            {
                TLane v4 = TLane.Of(*a4);
                x4 = TLane.Fma(v4, bx, x4);
                y4 = TVectors.Value > 1 ? TLane.Fma(v4, by, y4) : y4;
                z4 = TVectors.Value > 2 ? TLane.Fma(v4, bz, z4) : z4;
                a4 += ak;
                TLane v5 = TLane.Of(*a5);
                x5 = TLane.Fma(v5, bx, x5);
                y5 = TVectors.Value > 1 ? TLane.Fma(v5, by, y5) : y5;
                z5 = TVectors.Value > 2 ? TLane.Fma(v5, bz, z5) : z5;
                a5 += ak;
                TLane v6 = TLane.Of(*a6);
                x6 = TLane.Fma(v6, bx, x6);
                y6 = TVectors.Value > 1 ? TLane.Fma(v6, by, y6) : y6;
                z6 = TVectors.Value > 2 ? TLane.Fma(v6, bz, z6) : z6;
                a6 += ak;
                TLane v7 = TLane.Of(*a7);
                x7 = TLane.Fma(v7, bx, x7);
                y7 = TVectors.Value > 1 ? TLane.Fma(v7, by, y7) : y7;
                z7 = TVectors.Value > 2 ? TLane.Fma(v7, bz, z7) : z7;
                a7 += ak;
            }

            b += width;
        }

        Finish<TLane, TVectors>(x0, y0, z0, c, start, bias);
        if (rows > 1)
        {
            Finish<TLane, TVectors>(x1, y1, z1, c + (1 * cm), start, bias);
        }

        if (rows > 2)
        {
            Finish<TLane, TVectors>(x2, y2, z2, c + (2 * cm), start, bias);
        }

        if (rows > 3)
        {
            Finish<TLane, TVectors>(x3, y3, z3, c + (3 * cm), start, bias);
        }

        if (TRows.Value > 4)
        {
            if (rows > 4)
            {
                Finish<TLane, TVectors>(x4, y4, z4, c + (4 * cm), start, bias);
            }

            if (rows > 5)
            {
                Finish<TLane, TVectors>(x5, y5, z5, c + (5 * cm), start, bias);
            }

            if (rows > 6)
            {
                Finish<TLane, TVectors>(x6, y6, z6, c + (6 * cm), start, bias);
            }

            if (rows > 7)
            {
                Finish<TLane, TVectors>(x7, y7, z7, c + (7 * cm), start, bias);
            }
        }
    }

    /// <summary>Adds what the row starts from and stores it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Finish<TLane, TVectors>(TLane x, TLane y, TLane z, float* c, int start, float* bias)
        where TLane : unmanaged, ICpuLane<TLane>
        where TVectors : struct, ICount
    {
        if (start != LinearStart.Zero)
        {
            float* from = start == LinearStart.Add ? c : bias;
            x += TLane.LoadFrom(from);
            y = TVectors.Value > 1 ? y + TLane.LoadFrom(from + TLane.Count) : y;
            z = TVectors.Value > 2 ? z + TLane.LoadFrom(from + (2 * TLane.Count)) : z;
        }

        TLane.StoreTo(c, x);
        if (TVectors.Value > 1)
        {
            TLane.StoreTo(c + TLane.Count, y);
        }

        if (TVectors.Value > 2)
        {
            TLane.StoreTo(c + (2 * TLane.Count), z);
        }
    }

    /// <summary>Copies a block of whole vectors to the columns that exist.</summary>
    private static unsafe void Trim(float* block, int width, float* c, long cm, int rows, int columns, int start, float* bias)
    {
        for (int r = 0; r < rows; r++, c += cm, block += width)
        {
            float* from = start == LinearStart.Add ? c : bias;
            for (int n = 0; n < columns; n++)
            {
                c[n] = start == LinearStart.Zero ? block[n] : block[n] + from[n];
            }
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
}
