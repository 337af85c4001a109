using System.Runtime.CompilerServices;
using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>What the machine can do at most: the bounds that every case is held against.</summary>
internal static class Peaks
{
    private const int Iterations = 200_000;
    private const int Chains = 12;

    /// <summary>A loop of fused multiply-adds in registers, on all cores of the CPU.</summary>
    public static BenchmarkCase FusedMultiplyAdd(Device device, Arena arena)
    {
        int tiles = device.Threads * 4;
        Tensor sink = arena.Rent(new(tiles, 16));
        return new(
            "fma_peak_gflops", $"{Chains} chains", Bound.Arithmetic, 2.0 * tiles * Iterations * Chains * device.LaneWidth,
            () => device.Tiles(new FmaLoop(sink.Memory), tiles, device.LaneWidth));
    }

    /// <summary>A copy far larger than the caches: 8 bytes per element.</summary>
    public static BenchmarkCase Copy(Device device, Arena arena)
    {
        // The largest last-level cache of the day holds 260 MiB on two cores.
        Shape shape = new(1 << 15, 1 << 12);
        Tensor x = arena.Rent(shape, clear: true), y = arena.Rent(shape, clear: true);
        return new("memory_gbps", $"{shape}", Bound.Memory, 8.0 * shape.Length, () => Map(device, x, y));
    }

    /// <summary>Reads far more than the caches hold, on all cores of the CPU.</summary>
    public static BenchmarkCase Read(Device device, Arena arena)
    {
        // As for Copy; a tile is a page or more, so that the processor's own prefetching sets in.
        Shape shape = new(1 << 12, 1 << 14);
        Tensor x = arena.Rent(shape, clear: true), sink = arena.Rent(new(shape.Rows, 16));
        return new(
            "read_gbps", $"{shape}", Bound.Memory, 4.0 * shape.Length,
            () => device.Tiles(new ReadLoop(x.Memory, shape.Columns, sink.Memory), shape.Rows, device.LaneWidth));
    }

    /// <summary>A kernel that does next to nothing.</summary>
    public static BenchmarkCase Launch(Device device, Arena arena)
    {
        Tensor x = arena.Rent(new(1, 16), clear: true);
        return new("launch_us", "1×16", Bound.Time, 0, () => Sum.Forward(device, x, x, x));
    }

    private static void Map(Device device, Tensor x, Tensor y) =>
        device.Strips(new CopyLoop(x.Memory, y.Memory, x.Columns), x.Rows, x.Columns);

    internal readonly struct CopyLoop(Floats x, Floats y, int columns) : IStripKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Execute<TLane>(long strip, int column)
            where TLane : unmanaged, ILane<TLane> =>
            TLane.Store(y, (strip * columns) + column, TLane.Load(x, (strip * columns) + column));
    }

    internal readonly struct ReadLoop(Floats x, int columns, Floats sink) : ITileKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public unsafe void Execute<TLane>(long tile, int worker)
            where TLane : unmanaged, ICpuLane<TLane>
        {
            float* from = x.Pointer + (tile * columns), end = from + columns;
            TLane c0 = default, c1 = default, c2 = default, c3 = default;
            for (; from < end; from += 4 * TLane.Count)
            {
                c0 += TLane.LoadFrom(from);
                c1 += TLane.LoadFrom(from + TLane.Count);
                c2 += TLane.LoadFrom(from + (2 * TLane.Count));
                c3 += TLane.LoadFrom(from + (3 * TLane.Count));
            }

            TLane.Store(sink, tile * 16, c0 + c1 + c2 + c3);
        }
    }

    internal readonly struct FmaLoop(Floats sink) : ITileKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Execute<TLane>(long tile, int worker)
            where TLane : unmanaged, ICpuLane<TLane>
        {
            TLane a = TLane.Of(0.999f), b = TLane.Of(1e-3f);
            TLane c0 = b, c1 = b, c2 = b, c3 = b, c4 = b, c5 = b, c6 = b, c7 = b, c8 = b, c9 = b, c10 = b, c11 = b;
            for (int i = 0; i < Iterations; i++)
            {
                c0 = TLane.Fma(a, c0, b);
                c1 = TLane.Fma(a, c1, b);
                c2 = TLane.Fma(a, c2, b);
                c3 = TLane.Fma(a, c3, b);
                c4 = TLane.Fma(a, c4, b);
                c5 = TLane.Fma(a, c5, b);
                c6 = TLane.Fma(a, c6, b);
                c7 = TLane.Fma(a, c7, b);
                c8 = TLane.Fma(a, c8, b);
                c9 = TLane.Fma(a, c9, b);
                c10 = TLane.Fma(a, c10, b);
                c11 = TLane.Fma(a, c11, b);
            }

            TLane.Store(sink, tile * 16, c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11);
        }
    }
}
