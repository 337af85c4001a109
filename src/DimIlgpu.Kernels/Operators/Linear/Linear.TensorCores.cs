using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>CUDA: operands are rounded and laid out once, row by row along the reduction; then warps multiply them.</summary>
/// <remarks>
/// A product of its own layout for each of NT, NN and TN would read float32 operands again for every tile: 32 operations
/// per byte from the L2, which is slower than the tensor cores by far. Packing reads each operand once.
/// </remarks>
internal static class LinearTensorCores
{
    // By shape alone, so that sums never depend on the machine: enough groups for the largest GPUs.
    private const int EnoughGroups = 256;
    private const int FewestDepth = 512;

    /// <summary>C (+)= A B (+ bias) for each of the batch.</summary>
    public static void Multiply(Device device, int m, int n, int k, int batch, Matrix a, Matrix b, Tensor? bias, Sink c)
    {
        if (device.MatrixPrecision == MatrixPrecision.BFloat16)
        {
            Multiply<BFloat16Operands>(device, m, n, k, batch, a, b, bias, c);
        }
        else
        {
            Multiply<TensorFloat32Operands>(device, m, n, k, batch, a, b, bias, c);
        }
    }

    private static void Multiply<TOperands>(
        Device device, int m, int n, int k, int batch, Matrix a, Matrix b, Tensor? bias, Sink c)
        where TOperands : struct, ITensorOperands
    {
        using ArenaScope scope = device.Scratch.Scope();
        PackedOperand left = Pack<TOperands>(device, a, m, k, batch);
        PackedOperand right = Pack<TOperands>(device, new(b.Memory, b.ColumnStride, b.RowStride, b.BatchStride), n, k, batch);
        int groups = batch * Groups(m, Warps2X2.Rows) * Groups(n, Warps2X2.Columns);
        int parts = bias is null ? Math.Clamp(Math.Min(EnoughGroups / groups, k / FewestDepth), 1, 64) : 1;
        if (parts == 1)
        {
            Matrix target = new(c.Tensor.Memory, c.Tensor.Pitch, 1, (long)m * c.Tensor.Pitch);
            Matrix shift = bias is { } row ? new(row.Memory, 0, 1, row.Pitch) : target;
            int start = bias is not null ? LinearStart.Bias : c.Add ? LinearStart.Add : LinearStart.Zero;
            Launch<TOperands>(device, batch, left, right, new(m, n, k, 1, a, b, shift, target, start));
            return;
        }

        Tensor partial = device.Scratch.Rent(new((long)batch * parts, checked(m * n)));
        Matrix sums = new(partial.Memory, n, 1, (long)m * n);
        Launch<TOperands>(device, batch, left, right, new(m, n, k, parts, a, b, sums, sums, LinearStart.Zero));
        ColumnSum.Fold(device, partial, parts, c with { Tensor = c.Tensor.Reshape(new(batch, m * n)) });
    }

    private static void Launch<TOperands>(Device device, int batch, PackedOperand a, PackedOperand b, Product product)
        where TOperands : struct, ITensorOperands
    {
        if (Environment.GetEnvironmentVariable("DIMILGPU_WARPS") == "2x4")
        {
            Launch<TOperands, Warps2X4>(device, batch, a, b, product);
        }
        else
        {
            Launch<TOperands, Warps2X2>(device, batch, a, b, product);
        }
    }

    private static void Launch<TOperands, TWarps>(Device device, int batch, PackedOperand a, PackedOperand b, Product product)
        where TOperands : struct, ITensorOperands
        where TWarps : struct, IWarpGrid =>
        device.Warps(
            new LinearWarps<TOperands, TWarps>(a, b, product, IsPaired(product.C) ? 1 : 0),
            new Index3D(Groups(product.N, TWarps.Columns), Groups(product.M, TWarps.Rows), batch * product.Parts),
            TWarps.Rows * TWarps.Columns * TensorCores.Warp,
            LinearWarps<TOperands, TWarps>.SharedBytes);

    private static bool IsPaired(Matrix c) =>
        c.Memory.View.LoadEffectiveAddressAsPtr() % (2 * sizeof(float)) == 0 && c.RowStride % 2 == 0 && c.BatchStride % 2 == 0;

    private static int Groups(int length, int warps) => (length + (warps * TensorCores.Side) - 1) / (warps * TensorCores.Side);

    /// <summary>Rounds a matrix (rows, k) whose elements have any strides, one of which is 1.</summary>
    private static PackedOperand Pack<TOperands>(Device device, Matrix source, int rows, int k, int batch)
        where TOperands : struct, ITensorOperands
    {
        int chunks = (k + TOperands.Elements - 1) / TOperands.Elements;
        PackedOperand packed = PackedOperand.Rent(device.Scratch, (long)batch * rows, chunks);
        int pitch = packed.Steps * PackedOperand.StepChunks;
        if (source.ColumnStride == 1)
        {
            long total = (long)batch * rows * pitch;
            long groups = (total + LinearPack<TOperands>.Threads - 1) / LinearPack<TOperands>.Threads;
            device.Warps(
                new LinearPack<TOperands>(source, packed.Chunks, total, k, pitch),
                new Index3D(checked((int)groups), 1, 1), LinearPack<TOperands>.Threads);
        }
        else
        {
            const int side = LinearPackTransposed<TOperands>.Side;
            device.Warps(
                new LinearPackTransposed<TOperands>(source, packed.Chunks, rows, k, pitch),
                new Index3D((rows + side - 1) / side, ((pitch * TOperands.Elements) + side - 1) / side, batch),
                LinearPackTransposed<TOperands>.Threads);
        }

        return packed;
    }
}

/// <summary>An operand rounded for the tensor cores: rows along the reduction, in steps of 64 bytes, zeros at the end.</summary>
internal readonly struct PackedOperand(ArrayView<WordQuad> chunks, int steps)
{
    /// <summary>Chunks of 16 bytes that a group loads of each row at once.</summary>
    public const int StepChunks = 4;

    // The last group reads whole tiles, of which it uses what exists.
    private const int MostRowsOfGroup = 256;

    public readonly ArrayView<WordQuad> Chunks = chunks;

    /// <summary>Steps of a row.</summary>
    public readonly int Steps = steps;

    public static PackedOperand Rent(Arena scratch, long rows, int chunks)
    {
        int steps = (chunks + StepChunks - 1) / StepChunks;
        Tensor memory = scratch.Rent(new(rows + MostRowsOfGroup, checked(steps * StepChunks * 4)));
        return new(memory.View.Cast<WordQuad>(), steps);
    }
}
