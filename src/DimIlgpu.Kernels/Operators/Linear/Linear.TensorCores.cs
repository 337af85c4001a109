using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>CUDA's tensor cores: operands are rounded once, in a pass of their own, and then multiplied.</summary>
/// <remarks>
/// Tiles of float32 operands, rounded as each group loads them, would ask the L2 for a byte per 32 operations: more than
/// it is thought to give (ADR 8).
/// </remarks>
internal static class LinearTensorCores
{
    // By shape alone, so that sums never depend on the machine: some groups for each multiprocessor of the largest GPUs.
    private const int EnoughGroups = 512;
    private const int FewestDepth = 512;

    /// <inheritdoc cref="Linear.Forward"/>
    public static void Forward(Device device, Tensor x, Tensor weight, Tensor? bias, Tensor y, int batch)
    {
        using ArenaScope scope = device.Scratch.Scope();
        if (device.MatrixPrecision == MatrixPrecision.BFloat16)
        {
            Multiply<BFloat16Operands, RowsAlong, RowsAlong>(
                device, Pack<BFloat16Operands>(device, x, batch), Pack<BFloat16Operands>(device, weight, batch), bias, new(y, Add: false), batch);
        }
        else
        {
            Multiply<TensorFloat32Operands, RowsAlong, RowsAlong>(
                device, Pack<TensorFloat32Operands>(device, x, batch), Pack<TensorFloat32Operands>(device, weight, batch), bias, new(y, Add: false), batch);
        }
    }

    /// <summary>The gradients of the operands; that of the bias is no product.</summary>
    public static void Backward(Device device, Tensor x, Tensor weight, Tensor dy, Sink? dx, Sink? dWeight, int batch)
    {
        if (dx is { } target)
        {
            Check.Shape(target.Tensor, x.Shape, nameof(dx));
        }

        if (dWeight is { } shared)
        {
            Check.Dense(shared.Tensor, weight.Shape, nameof(dWeight));
        }

        if (dx is null && dWeight is null)
        {
            return;
        }

        using ArenaScope scope = device.Scratch.Scope();
        if (device.MatrixPrecision == MatrixPrecision.BFloat16)
        {
            PackedOperand output = Pack<BFloat16Operands>(device, dy, batch);
            if (dx is { } input)
            {
                Multiply<BFloat16Operands, RowsAlong, RowsAcross>(
                    device, output, Pack<BFloat16Operands>(device, weight, batch), null, input, batch);
            }

            if (dWeight is { } parameter)
            {
                Multiply<BFloat16Operands, RowsAcross, RowsAcross>(
                    device, output, Pack<BFloat16Operands>(device, x, batch), null, parameter, batch);
            }

            return;
        }

        if (dx is { } gradient)
        {
            Multiply<TensorFloat32Operands, RowsAlong, RowsAlong>(
                device, Pack<TensorFloat32Operands>(device, dy, batch), PackTransposed(device, weight, batch), null, gradient, batch);
        }

        if (dWeight is { } sum)
        {
            Multiply<TensorFloat32Operands, RowsAlong, RowsAlong>(
                device, PackTransposed(device, dy, batch), PackTransposed(device, x, batch), null, sum, batch);
        }
    }

    /// <summary>C (+)= A Bᵀ (+ bias) for each of the batch.</summary>
    private static void Multiply<TOperands, TLeft, TRight>(
        Device device, PackedOperand a, PackedOperand b, Tensor? bias, Sink c, int batch)
        where TOperands : struct, ITensorOperands
        where TLeft : struct, IOperandLayout
        where TRight : struct, IOperandLayout
    {
        int m = checked((int)(c.Tensor.Rows / batch)), n = c.Tensor.Columns, steps = TLeft.Steps(a);
        int groups = batch * Groups(m) * Groups(n), parts = 1;
        if (bias is null && c.Tensor.IsContiguous)
        {
            int most = steps * TOperands.Elements * PackedOperand.StepChunks / FewestDepth;
            parts = Math.Clamp(Math.Min(EnoughGroups / groups, most), 1, 64);
        }

        if (parts == 1)
        {
            Matrix target = new(c.Tensor.Memory, c.Tensor.Pitch, 1, (long)m * c.Tensor.Pitch);
            Matrix shift = bias is { } row ? new(row.Memory, 0, 1, row.Pitch) : target;
            Launch(target, shift, bias is not null ? LinearStart.Bias : c.Add ? LinearStart.Add : LinearStart.Zero);
            return;
        }

        Tensor partial = device.Scratch.Rent(new((long)batch * parts, checked(m * n)));
        Matrix sums = new(partial.Memory, n, 1, (long)m * n);
        Launch(sums, sums, LinearStart.Zero);
        ColumnSum.Fold(device, partial, parts, c with { Tensor = c.Tensor.Reshape(new(batch, m * n)) });

        void Launch(Matrix target, Matrix shift, int start) => device.Warps(
            new LinearWarps<TOperands, TLeft, TRight>(a, b, new(m, n, parts, steps, shift, target, start)),
            new Index3D(Groups(n), Groups(m), batch * parts),
            LinearWarps<TOperands, TLeft, TRight>.Threads,
            LinearWarps<TOperands, TLeft, TRight>.SharedBytes);
    }

    private static int Groups(int length) => (length + PackedOperand.GroupRows - 1) / PackedOperand.GroupRows;

    private static PackedOperand Pack<TOperands>(Device device, Tensor source, int batch)
        where TOperands : struct, ITensorOperands
    {
        int rows = checked((int)(source.Rows / batch));
        PackedOperand packed = PackedOperand.Rent<TOperands>(device.Scratch, batch, rows, source.Columns);
        int total = checked(batch * packed.Rows * packed.Pitch);
        device.Warps(
            new LinearPack<TOperands>(source.Memory, source.Pitch, packed, rows, source.Columns, total, IsQuads(source) ? 1 : 0),
            new Index3D((total + LinearPack<TOperands>.Threads - 1) / LinearPack<TOperands>.Threads, 1, 1),
            LinearPack<TOperands>.Threads);
        return packed;
    }

    private static PackedOperand PackTransposed(Device device, Tensor source, int batch)
    {
        int depth = checked((int)(source.Rows / batch));
        PackedOperand packed = PackedOperand.Rent<TensorFloat32Operands>(device.Scratch, batch, source.Columns, depth);
        const int side = LinearPackTransposed.Side;
        device.Warps(
            new LinearPackTransposed(source.Memory, source.Pitch, packed, source.Columns, depth),
            new Index3D((source.Columns + side - 1) / side, ((packed.Pitch * TensorFloat32Operands.Elements) + side - 1) / side, batch),
            LinearPackTransposed.Threads);
        return packed;
    }

    private static bool IsQuads(Tensor source) =>
        source.View.LoadEffectiveAddressAsPtr() % (4 * sizeof(float)) == 0 && source.Pitch % 4 == 0;
}
