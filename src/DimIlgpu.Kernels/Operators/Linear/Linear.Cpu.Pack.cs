using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DimIlgpu.Kernels;

/// <summary>CPU: copies part of a matrix to the order in which the micro-kernel reads it; as a kernel, a tile is a panel of B.</summary>
internal readonly struct LinearPanelPack(Product product, LinearGrid grid, int kBegin, int kEnd, Floats packed) : ITileKernel
{
    private const int Side = 8;

    public unsafe void Execute<TLane>(long tile, int thread)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        Matrix b = product.B;
        long batch = tile / grid.Panels;
        (int v0, int vectors) = grid.VectorsOf((int)(tile % grid.Panels));
        int n0 = v0 * TLane.Count, width = vectors * TLane.Count;
        Pack(
            b.Memory.Pointer + (batch * b.BatchStride) + (n0 * b.ColumnStride) + (kBegin * b.RowStride), b.ColumnStride, b.RowStride,
            Math.Min(width, product.N - n0), width, kEnd - kBegin,
            packed.Pointer + (((batch * grid.Vectors) + v0) * TLane.Count * (kEnd - kBegin)));
    }

    /// <summary>to[k·width + i] = from[i·across + k·along] for i &lt; count, and 0 up to <paramref name="width"/>; k = 0 … depth − 1.</summary>
    /// <param name="from">The first element.</param>
    /// <param name="across">Distance of what comes to stand side by side.</param>
    /// <param name="along">Distance along the reduction; one of the two is 1.</param>
    /// <param name="count">How many stand side by side.</param>
    /// <param name="width">The places for them, a multiple of four.</param>
    /// <param name="depth">Length of the reduction.</param>
    /// <param name="to">Receives depth · width elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void Pack(float* from, long across, long along, int count, int width, int depth, float* to)
    {
        int i = 0;
        if (across == 1)
        {
            i = count;
            Copy(from, along, count, width, depth, to);
        }
        else if (along == 1 && Avx.IsSupported)
        {
            for (; i + Side <= count; i += Side)
            {
                Transpose(from + (i * across), across, width, depth, to + i);
            }
        }

        for (; i < count; i++)
        {
            float* column = from + (i * across);
            for (int k = 0; k < depth; k++)
            {
                to[((long)k * width) + i] = column[k * along];
            }
        }

        if (count < width)
        {
            for (int k = 0; k < depth; k++)
            {
                new Span<float>(to + ((long)k * width) + count, width - count).Clear();
            }
        }
    }

    /// <summary>Blocks of <paramref name="side"/>, one after the other, each packed; the last one filled up with zeros.</summary>
    /// <param name="from">The first element.</param>
    /// <param name="across">Distance of what comes to stand side by side.</param>
    /// <param name="along">Distance along the reduction; one of the two is 1.</param>
    /// <param name="count">Rows in all.</param>
    /// <param name="side">Rows of a block.</param>
    /// <param name="depth">Length of the reduction.</param>
    /// <param name="to">Receives depth · side elements a block.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static unsafe void PackBlocks(float* from, long across, long along, int count, int side, int depth, float* to)
    {
        int i = 0;
        if (across == 1 && side == Side)
        {
            // Two lines at a time, whole: the rows stand far apart, and half a line read now is gone before the other half is.
            long block = (long)Side * depth;
            for (; i + (4 * Side) <= count; i += 4 * Side)
            {
                float* source = from + i, target = to + ((long)i * depth);
                for (int k = 0; k < depth; k++, source += along, target += Side)
                {
                    Vector256.Store(Vector256.Load(source), target);
                    Vector256.Store(Vector256.Load(source + Side), target + block);
                    Vector256.Store(Vector256.Load(source + (2 * Side)), target + (2 * block));
                    Vector256.Store(Vector256.Load(source + (3 * Side)), target + (3 * block));
                }
            }
        }

        for (; i < count; i += side)
        {
            Pack(from + (i * across), across, along, Math.Min(side, count - i), side, depth, to + ((long)i * depth));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void Copy(float* from, long along, int count, int width, int depth, float* to)
    {
        for (int k = 0; k < depth; k++, from += along, to += width)
        {
            int i = 0;
            for (; i + 8 <= count; i += 8)
            {
                Vector256.Store(Vector256.Load(from + i), to + i);
            }

            for (; i < count; i++)
            {
                to[i] = from[i];
            }
        }
    }

    /// <summary>Eight rows of the source become eight columns, eight elements at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Transpose(float* from, long pitch, int width, int depth, float* to)
    {
        int k = 0;
        for (; k + Side <= depth; k += Side, from += Side, to += (long)Side * width)
        {
            Vector256<float> r0 = Vector256.Load(from), r1 = Vector256.Load(from + pitch);
            Vector256<float> r2 = Vector256.Load(from + (2 * pitch)), r3 = Vector256.Load(from + (3 * pitch));
            Vector256<float> r4 = Vector256.Load(from + (4 * pitch)), r5 = Vector256.Load(from + (5 * pitch));
            Vector256<float> r6 = Vector256.Load(from + (6 * pitch)), r7 = Vector256.Load(from + (7 * pitch));

            // Pairs of rows, then quads, within each half; the halves change places last.
            Vector256<double> p0 = Avx.UnpackLow(r0, r1).AsDouble(), p1 = Avx.UnpackHigh(r0, r1).AsDouble();
            Vector256<double> p2 = Avx.UnpackLow(r2, r3).AsDouble(), p3 = Avx.UnpackHigh(r2, r3).AsDouble();
            Vector256<double> p4 = Avx.UnpackLow(r4, r5).AsDouble(), p5 = Avx.UnpackHigh(r4, r5).AsDouble();
            Vector256<double> p6 = Avx.UnpackLow(r6, r7).AsDouble(), p7 = Avx.UnpackHigh(r6, r7).AsDouble();
            Vector256<float> q0 = Avx.UnpackLow(p0, p2).AsSingle(), q1 = Avx.UnpackHigh(p0, p2).AsSingle();
            Vector256<float> q2 = Avx.UnpackLow(p1, p3).AsSingle(), q3 = Avx.UnpackHigh(p1, p3).AsSingle();
            Vector256<float> q4 = Avx.UnpackLow(p4, p6).AsSingle(), q5 = Avx.UnpackHigh(p4, p6).AsSingle();
            Vector256<float> q6 = Avx.UnpackLow(p5, p7).AsSingle(), q7 = Avx.UnpackHigh(p5, p7).AsSingle();
            Vector256.Store(Avx.Permute2x128(q0, q4, 0x20), to);
            Vector256.Store(Avx.Permute2x128(q1, q5, 0x20), to + width);
            Vector256.Store(Avx.Permute2x128(q2, q6, 0x20), to + (2 * width));
            Vector256.Store(Avx.Permute2x128(q3, q7, 0x20), to + (3 * width));
            Vector256.Store(Avx.Permute2x128(q0, q4, 0x31), to + (4 * width));
            Vector256.Store(Avx.Permute2x128(q1, q5, 0x31), to + (5 * width));
            Vector256.Store(Avx.Permute2x128(q2, q6, 0x31), to + (6 * width));
            Vector256.Store(Avx.Permute2x128(q3, q7, 0x31), to + (7 * width));
        }

        for (; k < depth; k++, from++, to += width)
        {
            for (int i = 0; i < Side; i++)
            {
                to[i] = from[i * pitch];
            }
        }
    }
}
