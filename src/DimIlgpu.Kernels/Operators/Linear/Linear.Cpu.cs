using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>
/// CPU: a tile is a run of A's rows against a run of panels of B. Both are packed, so that the micro-kernel reads
/// them from first to last: A by each tile, in blocks of eight rows that fit the second cache; B in panels of three
/// registers that fit the first, beforehand where several tiles read them.
/// </summary>
internal readonly struct LinearPanels(
    Product product, LinearGrid grid, int kBegin, int kEnd, Floats packed, Floats scratch, int scratchPitch) : ITileKernel
{
    /// <summary>Rows of A that are packed side by side.</summary>
    public const int RowsPerBlock = 8;

    private const int Depth = 192;
    private const int MostDepth = 6144;

    /// <summary>Lays a product out in tiles and runs it.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="product">What to compute.</param>
    /// <param name="batch">How many of them.</param>
    /// <param name="weight">Keeps B as it is packed; null where B will be another one the next time.</param>
    public static void Launch(Device device, Product product, int batch, PackedWeight? weight)
    {
        if (weight is null && IsBetterTransposed(product, device.LaneWidth))
        {
            product = product.Transpose();
        }

        int lane = device.LaneWidth;
        LinearGrid grid = LinearGrid.Of(product, batch, lane, device.Workers);
        using ArenaScope scope = device.Scratch.Scope();
        int pitch = (Depth * (grid.MostRows + (LinearGrid.MostVectors * lane))) + lane;
        Tensor scratch = device.Scratch.Rent(new(device.Workers, pitch));
        long tiles = (long)batch * grid.RowTiles * grid.ColumnTiles;
        if (weight is not null)
        {
            Floats kept = weight.Fill(product, grid, batch);
            device.Tiles(new LinearPanels(product, grid, 0, product.K, kept, scratch.Memory, pitch), tiles, lane);
            return;
        }

        bool isShared = grid.RowTiles > 1;
        Tensor packed = isShared
            ? device.Scratch.Rent(new((long)batch * grid.Vectors * lane, Math.Min(product.K, MostDepth)))
            : scratch;
        for (int k = 0; k < product.K; k += MostDepth)
        {
            int end = Math.Min(k + MostDepth, product.K);
            if (isShared)
            {
                device.Tiles(new LinearPanelPack(product, grid, k, end, packed.Memory), (long)batch * grid.Panels, lane);
            }

            device.Tiles(
                new LinearPanels(
                    k == 0 ? product : product.Continue(), grid, k, end, isShared ? packed.Memory : default, scratch.Memory, pitch),
                tiles, lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public unsafe void Execute<TLane>(long tile, int worker)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        Product p = product;
        int row = (int)(tile % grid.RowTiles), column = (int)(tile / grid.RowTiles % grid.ColumnTiles);
        int batch = (int)(tile / grid.RowTiles / grid.ColumnTiles);
        (int m0, int m1) = grid.Rows(row);
        (int firstPanel, int lastPanel) = grid.PanelsOf(column);

        float* a = p.A.Memory.Pointer + (batch * p.A.BatchStride);
        float* b = p.B.Memory.Pointer + (batch * p.B.BatchStride);
        float* c = p.C.Memory.Pointer + (batch * p.C.BatchStride) + (m0 * p.C.RowStride);
        float* bias = p.Bias.Memory.Pointer + (batch * p.Bias.BatchStride);
        float* packedA = scratch.Pointer + ((long)worker * scratchPitch);

        int length = kEnd - kBegin, depths = Divide(length, Depth);
        for (int d = 0; d < depths; d++)
        {
            int k0 = (int)((long)length * d / depths), depth = (int)((long)length * (d + 1) / depths) - k0;
            float* aside = packedA + ((long)Divide(depth * Divide(m1 - m0, RowsPerBlock) * RowsPerBlock, TLane.Count) * TLane.Count);
            for (int m = m0; m < m1; m += RowsPerBlock)
            {
                LinearPanelPack.Pack(
                    a + (m * p.A.RowStride) + ((kBegin + k0) * p.A.ColumnStride), p.A.RowStride, p.A.ColumnStride,
                    Math.Min(RowsPerBlock, m1 - m), RowsPerBlock, depth, packedA + ((long)depth * (m - m0)));
            }

            int start = d > 0 ? LinearStart.Add : p.Start;
            for (int panel = firstPanel; panel < lastPanel; panel++)
            {
                (int v0, int vectors) = grid.VectorsOf(panel);
                int n0 = v0 * TLane.Count, width = vectors * TLane.Count, columns = Math.Min(width, p.N - n0);
                float* panelB = aside;
                if (packed.Address != 0)
                {
                    panelB = packed.Pointer + (((((long)batch * grid.Vectors) + v0) * TLane.Count) * length) + ((long)k0 * width);
                }
                else
                {
                    LinearPanelPack.Pack(
                        b + (n0 * p.B.ColumnStride) + ((kBegin + k0) * p.B.RowStride), p.B.ColumnStride, p.B.RowStride,
                        columns, width, depth, aside);
                }

                Rows<TLane>(
                    vectors, depth, packedA, m1 - m0, panelB, c + (n0 * p.C.ColumnStride), p.C.RowStride, p.C.ColumnStride,
                    columns, start, bias + n0);
            }
        }
    }

    /// <summary>Registers are filled along N and blocks along M: the way round that leaves fewer of them empty is faster.</summary>
    private static bool IsBetterTransposed(Product p, int lane)
    {
        long asIs = (long)Divide(p.M, RowsPerBlock) * RowsPerBlock * Divide(p.N, lane) * lane;
        long transposed = (long)Divide(p.N, RowsPerBlock) * RowsPerBlock * Divide(p.M, lane) * lane;
        return p.Start != LinearStart.Bias && 6 * transposed < 5 * asIs;
    }

    private static int Divide(int count, int size) => (count + size - 1) / size;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Rows<TLane>(
        int vectors, int depth, float* a, int rows, float* b, float* c, long cm, long cn, int columns, int start, float* bias)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        // Sixteen registers hold 4×3 sums and their operands; thirty-two hold 8×3.
        int step = TLane.Count == 16 ? 8 : 4, width = vectors * TLane.Count;
        bool whole = columns == width && cn == 1;
        float* aside = stackalloc float[RowsPerBlock * LinearGrid.MostVectors * 16];
        for (int m = 0; m < rows; m += step, c += step * cm)
        {
            int count = Math.Min(step, rows - m);
            float* from = a + ((long)depth * (m - (m % RowsPerBlock))) + (m % RowsPerBlock);
            float* block = whole ? c : aside;
            (long pitch, int blockStart) = whole ? (cm, start) : (width, LinearStart.Zero);
            if (TLane.Count == 16)
            {
                Columns<TLane, Eight>(vectors, depth, from, count, b, block, pitch, blockStart, bias);
            }
            else
            {
                Columns<TLane, Four>(vectors, depth, from, count, b, block, pitch, blockStart, bias);
            }

            if (!whole)
            {
                Scatter(aside, width, c, cm, cn, count, columns, start, bias);
            }
        }
    }

    private static unsafe void Columns<TLane, TRows>(
        int vectors, int depth, float* a, int rows, float* b, float* c, long cm, int start, float* bias)
        where TLane : unmanaged, ICpuLane<TLane>
        where TRows : struct, ICount
    {
        switch (vectors)
        {
            case 3:
                MicroKernel<TLane, TRows, Three>(depth, a, rows, b, c, cm, start, bias);
                break;
            case 2:
                MicroKernel<TLane, TRows, Two>(depth, a, rows, b, c, cm, start, bias);
                break;
            default:
                MicroKernel<TLane, TRows, One>(depth, a, rows, b, c, cm, start, bias);
                break;
        }
    }

    /// <summary>Eight rows (four where registers are few) × up to three vectors of C in registers.</summary>
    /// <remarks>
    /// Every sum is a local of its own, and nothing is called while they live: gathered in structs, or kept across a
    /// call, the JIT puts them in memory, which is three to four times slower.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void MicroKernel<TLane, TRows, TVectors>(
        int depth, float* a, int rows, float* b, float* c, long cm, int start, float* bias)
        where TLane : unmanaged, ICpuLane<TLane>
        where TRows : struct, ICount
        where TVectors : struct, ICount
    {
        TLane x0 = default, y0 = default, z0 = default;
        TLane x1 = default, y1 = default, z1 = default;
        TLane x2 = default, y2 = default, z2 = default;
        TLane x3 = default, y3 = default, z3 = default;
        TLane x4 = default, y4 = default, z4 = default;
        TLane x5 = default, y5 = default, z5 = default;
        TLane x6 = default, y6 = default, z6 = default;
        TLane x7 = default, y7 = default, z7 = default;
        int width = TVectors.Value * TLane.Count;

        // By the time that the sums are complete, the results that they are added to have arrived.
        for (int r = 0; r < rows; r++)
        {
            for (int n = 0; n < width; n += 16)
            {
                CpuLaneMath.PrefetchNear(c + (r * cm) + n);
            }
        }

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

            TLane v0 = TLane.Of(a[0]);
            x0 = TLane.Fma(v0, bx, x0);
            y0 = TVectors.Value > 1 ? TLane.Fma(v0, by, y0) : y0;
            z0 = TVectors.Value > 2 ? TLane.Fma(v0, bz, z0) : z0;
            TLane v1 = TLane.Of(a[1]);
            x1 = TLane.Fma(v1, bx, x1);
            y1 = TVectors.Value > 1 ? TLane.Fma(v1, by, y1) : y1;
            z1 = TVectors.Value > 2 ? TLane.Fma(v1, bz, z1) : z1;
            TLane v2 = TLane.Of(a[2]);
            x2 = TLane.Fma(v2, bx, x2);
            y2 = TVectors.Value > 1 ? TLane.Fma(v2, by, y2) : y2;
            z2 = TVectors.Value > 2 ? TLane.Fma(v2, bz, z2) : z2;
            TLane v3 = TLane.Of(a[3]);
            x3 = TLane.Fma(v3, bx, x3);
            y3 = TVectors.Value > 1 ? TLane.Fma(v3, by, y3) : y3;
            z3 = TVectors.Value > 2 ? TLane.Fma(v3, bz, z3) : z3;
            if (TRows.Value > 4)
            {
                TLane v4 = TLane.Of(a[4]);
                x4 = TLane.Fma(v4, bx, x4);
                y4 = TVectors.Value > 1 ? TLane.Fma(v4, by, y4) : y4;
                z4 = TVectors.Value > 2 ? TLane.Fma(v4, bz, z4) : z4;
                TLane v5 = TLane.Of(a[5]);
                x5 = TLane.Fma(v5, bx, x5);
                y5 = TVectors.Value > 1 ? TLane.Fma(v5, by, y5) : y5;
                z5 = TVectors.Value > 2 ? TLane.Fma(v5, bz, z5) : z5;
                TLane v6 = TLane.Of(a[6]);
                x6 = TLane.Fma(v6, bx, x6);
                y6 = TVectors.Value > 1 ? TLane.Fma(v6, by, y6) : y6;
                z6 = TVectors.Value > 2 ? TLane.Fma(v6, bz, z6) : z6;
                TLane v7 = TLane.Of(a[7]);
                x7 = TLane.Fma(v7, bx, x7);
                y7 = TVectors.Value > 1 ? TLane.Fma(v7, by, y7) : y7;
                z7 = TVectors.Value > 2 ? TLane.Fma(v7, bz, z7) : z7;
            }

            a += RowsPerBlock;
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

    /// <summary>Copies a block of whole vectors to where the elements that exist stand.</summary>
    private static unsafe void Scatter(float* block, int width, float* c, long cm, long cn, int rows, int columns, int start, float* bias)
    {
        for (int r = 0; r < rows; r++, c += cm, block += width)
        {
            for (int n = 0; n < columns; n++)
            {
                float from = start == LinearStart.Zero ? 0f : start == LinearStart.Add ? c[n * cn] : bias[n];
                c[n * cn] = block[n] + from;
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
