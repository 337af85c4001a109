using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DimIlgpu.Kernels;

/// <summary>
/// CPU: a tile is a run of A's rows against a run of panels of B. Both are packed, so that the micro-kernel reads
/// them from first to last: A by each tile, in blocks of eight rows that fit the second cache; B in panels of three
/// registers that fit the first, beforehand where several tiles read them. What is read once or twice is read where it
/// stands: rows of A that few panels meet, and panels of B that few rows meet.
/// </summary>
internal readonly struct LinearPanels(
    Product product, LinearGrid grid, int kBegin, int kEnd, Floats packed, Floats scratch, int scratchPitch) : ITileKernel
{
    /// <summary>Rows of A that are packed side by side.</summary>
    public const int RowsPerBlock = 8;

    // Three registers wide and 192 deep, a panel takes 36 KB of the first cache; a narrower one may be deeper.
    private const int PanelVectors = 576;
    private const int MostDepth = 6144;

    // To pack an element and read it twice takes longer than to read it twice where it is.
    private const int FewPanels = 2;

    // Multiply-adds below which a second thread costs more than it saves: the lines that both touch have to travel.
    private const long WorthSharing = 1 << 18;

    // Rows that stand side by side are read where they are only if a panel's depth of them takes little of the first cache.
    private const int ShortPitch = 64;

    /// <summary>Lays a product out in tiles and runs it.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="product">What to compute.</param>
    /// <param name="batch">How many of them.</param>
    /// <param name="weight">Keeps B as it is packed; null where B will be another one the next time.</param>
    public static void Launch(Device device, Product product, int batch, PackedWeight? weight)
    {
        int lane = device.LaneWidth;
        bool alone = (long)batch * product.M * product.N * product.K < WorthSharing;
        if (weight is null && LinearDots.Fits(product, lane))
        {
            LinearDots dots = new(product);
            device.Tiles(dots, (long)batch * dots.Tiles, lane, alone);
            return;
        }

        if (weight is null && IsBetterTransposed(product, lane))
        {
            product = product.Transpose();
        }

        LinearGrid grid = LinearGrid.Of(product, batch, lane, device.EnoughTiles);
        using ArenaScope scope = device.Scratch.Scope();
        int length = (PanelVectors / grid.WidestPanel * (grid.MostRows + (grid.WidestPanel * lane))) + lane;
        Tensor scratch = device.ThreadScratch(length);
        long tiles = (long)batch * grid.RowTiles * grid.ColumnTiles;
        if (weight is not null)
        {
            Floats kept = weight.Fill(product, grid, batch);
            device.Tiles(new LinearPanels(product, grid, 0, product.K, kept, scratch.Memory, scratch.Columns), tiles, lane, alone);
            return;
        }

        bool isShared = grid.RowTiles > 1 && !(IsReadInPlace(product, grid.MostRows) && product.N % lane == 0);
        Tensor packed = isShared
            ? device.Scratch.Rent(new((long)batch * grid.Vectors * lane, Math.Min(product.K, MostDepth)))
            : scratch;
        for (int k = 0; k < product.K; k += MostDepth)
        {
            int end = Math.Min(k + MostDepth, product.K);
            if (isShared)
            {
                device.Tiles(new LinearPanelPack(product, grid, k, end, packed.Memory), (long)batch * grid.Panels, lane, alone);
            }

            device.Tiles(
                new LinearPanels(
                    k == 0 ? product : product.Continue(), grid, k, end, isShared ? packed.Memory : default, scratch.Memory, scratch.Columns),
                tiles, lane, alone);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public unsafe void Execute<TLane>(long tile, int thread)
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
        float* packedA = scratch.Pointer + ((long)thread * scratchPitch);

        int rows = m1 - m0, length = kEnd - kBegin, depths = Divide(length, PanelVectors / grid.WidestPanel);
        bool isDirect = (rows <= RowsPerBlock || lastPanel - firstPanel <= FewPanels)
            && (p.A.ColumnStride == 1 || (p.A.RowStride == 1 && p.A.ColumnStride <= ShortPitch));
        for (int d = 0; d < depths; d++)
        {
            int k0 = (int)((long)length * d / depths), depth = (int)((long)length * (d + 1) / depths) - k0;
            float* fromA = a + (m0 * p.A.RowStride) + ((kBegin + k0) * p.A.ColumnStride), aside = packedA;
            Steps steps = new(p.A.RowStride, p.A.ColumnStride, RowsPerBlock * p.A.RowStride);
            if (!isDirect)
            {
                LinearPanelPack.PackBlocks(fromA, p.A.RowStride, p.A.ColumnStride, rows, RowsPerBlock, depth, packedA);
                aside += (long)Divide(depth * Divide(rows, RowsPerBlock) * RowsPerBlock, TLane.Count) * TLane.Count;
                fromA = packedA;
                steps = new(1, RowsPerBlock, (long)depth * RowsPerBlock);
            }

            int start = d > 0 ? LinearStart.Add : p.Start;
            for (int panel = firstPanel; panel < lastPanel; panel++)
            {
                (int v0, int vectors) = grid.VectorsOf(panel);
                int n0 = v0 * TLane.Count, width = vectors * TLane.Count, columns = Math.Min(width, p.N - n0);
                float* panelB = aside;
                long rowB = width;
                if (packed.Address != 0)
                {
                    panelB = packed.Pointer + (((((long)batch * grid.Vectors) + v0) * TLane.Count) * length) + ((long)k0 * width);
                }
                else
                {
                    float* fromB = b + (n0 * p.B.ColumnStride) + ((kBegin + k0) * p.B.RowStride);
                    if (columns == width && IsReadInPlace(p, rows))
                    {
                        panelB = fromB;
                        rowB = p.B.RowStride;
                    }
                    else
                    {
                        LinearPanelPack.Pack(fromB, p.B.ColumnStride, p.B.RowStride, columns, width, depth, aside);
                    }
                }

                float* panelC = c + (n0 * p.C.ColumnStride);
                PanelRun run = new(vectors, depth, columns, panelB, rowB, start, bias + n0);
                Rows<TLane>(in run, fromA, steps, rows, panelC, p.C.RowStride, p.C.ColumnStride);
                if (p.Activation == Activation.Softplus && d == depths - 1 && kEnd == p.K)
                {
                    Softplus<TLane>(panelC, p.C.RowStride, rows, columns);
                }
            }
        }
    }

    /// <summary>Makes softplus of results that have just been completed and are still near.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Softplus<TLane>(float* c, long pitch, int rows, int columns)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        for (; rows > 0; rows--, c += pitch)
        {
            int n = 0;
            for (; n + TLane.Count <= columns; n += TLane.Count)
            {
                TLane.StoreTo(c + n, TLane.Softplus(TLane.LoadFrom(c + n)));
            }

            for (; n < columns; n++)
            {
                ScalarLane.StoreTo(c + n, ScalarLane.Softplus(ScalarLane.LoadFrom(c + n)));
            }
        }
    }

    /// <summary>Registers are filled along N and blocks along M: the way round that leaves fewer of them empty is faster.</summary>
    /// <remarks>Not where the large operand would have to be turned for it.</remarks>
    private static bool IsBetterTransposed(Product p, int lane)
    {
        long asIs = (long)Divide(p.M, RowsPerBlock) * RowsPerBlock * Divide(p.N, lane) * lane;
        long transposed = (long)Divide(p.N, RowsPerBlock) * RowsPerBlock * Divide(p.M, lane) * lane;
        return p.Start != LinearStart.Bias && p.Activation == Activation.Identity && (p.A.RowStride == 1 || p.M < p.N) && 6 * transposed < 5 * asIs;
    }

    /// <summary>Elements of B that stand as a panel wants them and are read once or twice are not packed.</summary>
    private static bool IsReadInPlace(Product p, int rows) =>
        p.B.ColumnStride == 1 && (rows <= RowsPerBlock || p.K <= LinearGrid.ShortDepth);

    private static int Divide(int count, int size) => (count + size - 1) / size;

    /// <summary>What all blocks of rows have in common that meet one panel of B.</summary>
    private readonly unsafe struct PanelRun(int vectors, int depth, int columns, float* b, long step, int start, float* bias)
    {
        public readonly int Vectors = vectors;
        public readonly int Depth = depth;

        /// <summary>Those that exist; the panel may be wider.</summary>
        public readonly int Columns = columns;
        public readonly float* B = b;

        /// <summary>From one row of B to the next.</summary>
        public readonly long Step = step;
        public readonly int Start = start;
        public readonly float* Bias = bias;
    }

    /// <summary>Where the rows of A stand: elements from one row of a block to the next, along the reduction, and from block to block.</summary>
    private readonly record struct Steps(long Across, long Along, long Block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Rows<TLane>(in PanelRun run, float* a, Steps steps, int rows, float* c, long cm, long cn)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int width = run.Vectors * TLane.Count;
        bool whole = run.Columns == width && cn == 1;
        float* aside = stackalloc float[RowsPerBlock * LinearGrid.MostVectors * 16];
        for (int m = 0, count; m < rows; m += count, c += count * cm)
        {
            count = Together<TLane>(rows - m);
            float* from = a + (m / RowsPerBlock * steps.Block) + (m % RowsPerBlock * steps.Across);
            float* block = whole ? c : aside;
            (long pitch, int blockStart) = whole ? (cm, run.Start) : (width, LinearStart.Zero);
            switch (count)
            {
                case 8:
                    Columns<TLane, Eight>(in run, from, steps, block, pitch, blockStart);
                    break;
                case 4:
                    Columns<TLane, Four>(in run, from, steps, block, pitch, blockStart);
                    break;
                case 2:
                    Columns<TLane, Two>(in run, from, steps, block, pitch, blockStart);
                    break;
                default:
                    Columns<TLane, One>(in run, from, steps, block, pitch, blockStart);
                    break;
            }

            if (!whole)
            {
                Scatter(aside, width, c, cm, cn, count, run.Columns, run.Start, run.Bias);
            }
        }
    }

    /// <summary>Rows of the next sums: a power of two. Sixteen registers hold 4×3 sums and their operands, thirty-two hold 8×3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Together<TLane>(int rows)
        where TLane : unmanaged, ICpuLane<TLane> => rows >= 8 && TLane.Count == 16 ? 8 : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;

    private static unsafe void Columns<TLane, TRows>(
        in PanelRun run, float* a, Steps steps, float* c, long cm, int start)
        where TLane : unmanaged, ICpuLane<TLane>
        where TRows : struct, ICount
    {
        switch (run.Vectors)
        {
            case 3:
                MicroKernel<TLane, TRows, Three>(run.Depth, a, steps.Across, steps.Along, run.B, run.Step, c, cm, start, run.Bias);
                break;
            case 2:
                MicroKernel<TLane, TRows, Two>(run.Depth, a, steps.Across, steps.Along, run.B, run.Step, c, cm, start, run.Bias);
                break;
            default:
                MicroKernel<TLane, TRows, One>(run.Depth, a, steps.Across, steps.Along, run.B, run.Step, c, cm, start, run.Bias);
                break;
        }
    }

    /// <summary>Up to eight rows (four where registers are few) × up to three vectors of C in registers.</summary>
    /// <remarks>
    /// Every sum is a local of its own, and nothing is called while they live: gathered in structs, or kept across a
    /// call, the JIT puts them in memory, which is three to four times slower.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void MicroKernel<TLane, TRows, TVectors>(
        int depth, float* a, long across, long along, float* b, long step, float* c, long cm, int start, float* bias)
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
        for (int r = 0; r < TRows.Value; r++)
        {
            for (int n = 0; n < width; n += 16)
            {
                CpuLaneMath.PrefetchNear(c + (r * cm) + n);
            }
        }

        long across2 = 2 * across, across3 = 3 * across;
        float* a4 = a + (4 * across);
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
            if (TRows.Value > 1)
            {
                TLane v1 = TLane.Of(a[across]);
                x1 = TLane.Fma(v1, bx, x1);
                y1 = TVectors.Value > 1 ? TLane.Fma(v1, by, y1) : y1;
                z1 = TVectors.Value > 2 ? TLane.Fma(v1, bz, z1) : z1;
            }

            if (TRows.Value > 2)
            {
                TLane v2 = TLane.Of(a[across2]);
                x2 = TLane.Fma(v2, bx, x2);
                y2 = TVectors.Value > 1 ? TLane.Fma(v2, by, y2) : y2;
                z2 = TVectors.Value > 2 ? TLane.Fma(v2, bz, z2) : z2;
                TLane v3 = TLane.Of(a[across3]);
                x3 = TLane.Fma(v3, bx, x3);
                y3 = TVectors.Value > 1 ? TLane.Fma(v3, by, y3) : y3;
                z3 = TVectors.Value > 2 ? TLane.Fma(v3, bz, z3) : z3;
            }

            if (TRows.Value > 4)
            {
                TLane v4 = TLane.Of(*a4);
                x4 = TLane.Fma(v4, bx, x4);
                y4 = TVectors.Value > 1 ? TLane.Fma(v4, by, y4) : y4;
                z4 = TVectors.Value > 2 ? TLane.Fma(v4, bz, z4) : z4;
                TLane v5 = TLane.Of(a4[across]);
                x5 = TLane.Fma(v5, bx, x5);
                y5 = TVectors.Value > 1 ? TLane.Fma(v5, by, y5) : y5;
                z5 = TVectors.Value > 2 ? TLane.Fma(v5, bz, z5) : z5;
                TLane v6 = TLane.Of(a4[across2]);
                x6 = TLane.Fma(v6, bx, x6);
                y6 = TVectors.Value > 1 ? TLane.Fma(v6, by, y6) : y6;
                z6 = TVectors.Value > 2 ? TLane.Fma(v6, bz, z6) : z6;
                TLane v7 = TLane.Of(a4[across3]);
                x7 = TLane.Fma(v7, bx, x7);
                y7 = TVectors.Value > 1 ? TLane.Fma(v7, by, y7) : y7;
                z7 = TVectors.Value > 2 ? TLane.Fma(v7, bz, z7) : z7;
            }

            a += along;
            a4 += along;
            b += step;
        }

        Finish<TLane, TVectors>(x0, y0, z0, c, start, bias);
        if (TRows.Value > 1)
        {
            Finish<TLane, TVectors>(x1, y1, z1, c + (1 * cm), start, bias);
        }

        if (TRows.Value > 2)
        {
            Finish<TLane, TVectors>(x2, y2, z2, c + (2 * cm), start, bias);
            Finish<TLane, TVectors>(x3, y3, z3, c + (3 * cm), start, bias);
        }

        if (TRows.Value > 4)
        {
            Finish<TLane, TVectors>(x4, y4, z4, c + (4 * cm), start, bias);
            Finish<TLane, TVectors>(x5, y5, z5, c + (5 * cm), start, bias);
            Finish<TLane, TVectors>(x6, y6, z6, c + (6 * cm), start, bias);
            Finish<TLane, TVectors>(x7, y7, z7, c + (7 * cm), start, bias);
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
        if (cm == 1 && start != LinearStart.Bias && rows == RowsPerBlock && Avx.IsSupported)
        {
            Turn(block, width, c, cn, columns, start);
            return;
        }

        for (int r = 0; r < rows; r++, c += cm, block += width)
        {
            int n = 0;
            for (; cn == 1 && n + Vector256<float>.Count <= columns; n += Vector256<float>.Count)
            {
                Vector256<float> from = start == LinearStart.Zero ? default : Vector256.Load(start == LinearStart.Add ? c + n : bias + n);
                Vector256.Store(Vector256.Load(block + n) + from, c + n);
            }

            for (; n < columns; n++)
            {
                float from = start == LinearStart.Zero ? 0f : start == LinearStart.Add ? c[n * cn] : bias[n];
                c[n * cn] = block[n] + from;
            }
        }
    }

    /// <summary>Eight rows of the block become the first eight elements of each row of a transposed C, which starts from no bias.</summary>
    private static unsafe void Turn(float* block, int width, float* c, long cn, int columns, int start)
    {
        float* turned = stackalloc float[LinearGrid.MostVectors * 16 * RowsPerBlock];
        LinearPanelPack.Pack(block, width, 1, RowsPerBlock, RowsPerBlock, columns, turned);
        for (int n = 0; n < columns; n++, c += cn, turned += RowsPerBlock)
        {
            Vector256<float> from = start == LinearStart.Zero ? default : Vector256.Load(c);
            Vector256.Store(Vector256.Load(turned) + from, c);
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
