using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>CUDA's tensor cores: operands that they cannot read as they are, being float32 or not aligned, are rounded in a pass of their own.</summary>
/// <remarks>
/// Tiles of float32 operands, rounded as each group loads them, would ask the L2 for a byte per 32 operations: more than
/// it is thought to give (ADR 8).
/// </remarks>
internal static class LinearTensorCores
{
    private const int ChunkBytes = 16;

    /// <inheritdoc cref="Linear.Forward"/>
    public static void Forward(
        Device device, Tensor x, Tensor weight, Tensor? bias, Tensor y, int batch, Activation activation = Activation.Identity,
        LinearPlan? plan = null)
    {
        if (activation == Activation.Softplus)
        {
            Forward<SoftplusEnd>(device, x, weight, bias, y, batch, plan);
        }
        else
        {
            Forward<PlainEnd>(device, x, weight, bias, y, batch, plan);
        }
    }

    private static void Forward<TEnd>(Device device, Tensor x, Tensor weight, Tensor? bias, Tensor y, int batch, LinearPlan? plan)
        where TEnd : struct, ISumsEnd
    {
        using ArenaScope scope = device.Scratch.Scope();
        if (device.MatrixPrecision == MatrixPrecision.BFloat16)
        {
            Multiply<BFloat16Operands, RowsAlong, RowsAlong, TEnd>(
                device, Along<BFloat16Operands>(device, x, batch), Along<BFloat16Operands>(device, weight, batch),
                bias, new(y, Add: false), batch, plan);
        }
        else
        {
            Multiply<TensorFloat32Operands, RowsAlong, RowsAlong, TEnd>(
                device, Along<TensorFloat32Operands>(device, x, batch), Along<TensorFloat32Operands>(device, weight, batch),
                bias, new(y, Add: false), batch, plan);
        }
    }

    /// <summary>The gradients of the operands; that of the bias is no product.</summary>
    public static void Backward(
        Device device, Tensor x, Tensor weight, Tensor dy, Sink? dx, Sink? dWeight, int batch, LinearPlan? plan = null)
    {
        if (dx is { } target)
        {
            Check.Shape(target.Tensor, x.Shape, nameof(dx));
        }

        if (dWeight is { } shared)
        {
            Check.Dense(shared.Tensor, weight.Shape, nameof(dWeight));
        }

        using ArenaScope scope = device.Scratch.Scope();
        if (device.MatrixPrecision == MatrixPrecision.BFloat16)
        {
            BackwardBFloat16(device, x, weight, dy, dx, dWeight, batch, plan);
            return;
        }

        if (dx is { } gradient)
        {
            Multiply<TensorFloat32Operands, RowsAlong, RowsAlong, PlainEnd>(
                device, Along<TensorFloat32Operands>(device, dy, batch), PackTransposed(device, weight, batch), null, gradient, batch, plan);
        }

        if (dWeight is { } sum)
        {
            Multiply<TensorFloat32Operands, RowsAlong, RowsAlong, PlainEnd>(
                device, PackTransposed(device, dy, batch), PackTransposed(device, x, batch), null, sum, batch, plan);
        }
    }

    private static void BackwardBFloat16(
        Device device, Tensor x, Tensor weight, Tensor dy, Sink? dx, Sink? dWeight, int batch, LinearPlan? plan)
    {
        WarpOperand? packed = null;
        if (dx is { } input)
        {
            packed = Along<BFloat16Operands>(device, dy, batch);
            Multiply<BFloat16Operands, RowsAlong, RowsAcross, PlainEnd>(device, packed.Value, Across(device, weight, batch), null, input, batch, plan);
        }

        if (dWeight is { } parameter)
        {
            // Memory that can be read along rows can be read across them.
            Multiply<BFloat16Operands, RowsAcross, RowsAcross, PlainEnd>(
                device, packed ?? Across(device, dy, batch), Across(device, x, batch), null, parameter, batch, plan);
        }
    }

    /// <summary>C (+)= A Bᵀ (+ bias), as <typeparamref name="TEnd"/> makes it, for each of the batch.</summary>
    private static void Multiply<TOperands, TLeft, TRight, TEnd>(
        Device device, WarpOperand a, WarpOperand b, Tensor? bias, Sink c, int batch, LinearPlan? plan)
        where TOperands : struct, ITensorOperands
        where TLeft : struct, IOperandLayout
        where TRight : struct, IOperandLayout
        where TEnd : struct, ISumsEnd
    {
        int m = checked((int)(c.Tensor.Rows / batch)), n = c.Tensor.Columns, steps = TLeft.Steps(a);
        bool canBeShort = typeof(TOperands) == typeof(BFloat16Operands) && typeof(TLeft) == typeof(RowsAlong)
            && steps <= LinearShort<TRight, TEnd>.MostSteps && LinearRows.Takes(c.Tensor, Target(m, c), Shift(bias));
        if (canBeShort && (plan is { IsShort: true } || (plan is null && LinearPlan.PaysToBeShort(m, n, batch))))
        {
            MultiplyShort<TRight, TEnd>(device, a, b, m, n, bias, c, batch, plan?.Whole ?? 0);
            return;
        }

        LinearTile largest = device.MostSharedMemory < LinearWarps<TOperands, TLeft, TRight, LargeTile, TEnd>.SharedBytes ? LinearTile.Small
            : device.HasWarpGroups && typeof(TOperands) == typeof(BFloat16Operands) ? LinearTile.Groups
            : LinearTile.Large;
        LinearPlan chosen = plan is { IsShort: false } other ? other : LinearPlan.For(m, n, steps, batch, largest);
        switch (chosen.Tile)
        {
            case LinearTile.Groups:
                MultiplyGroups<TLeft, TRight, TEnd>(device, a, b, m, n, bias, c, batch, steps, chosen);
                break;
            case LinearTile.Large:
                Multiply<TOperands, TLeft, TRight, LargeTile, TEnd>(device, a, b, m, n, bias, c, batch, steps, chosen);
                break;
            default:
                Multiply<TOperands, TLeft, TRight, SmallTile, TEnd>(device, a, b, m, n, bias, c, batch, steps, chosen);
                break;
        }
    }

    private static void Multiply<TOperands, TLeft, TRight, TTile, TEnd>(
        Device device, WarpOperand a, WarpOperand b, int m, int n, Tensor? bias, Sink c, int batch, int steps, LinearPlan plan)
        where TOperands : struct, ITensorOperands
        where TLeft : struct, IOperandLayout
        where TRight : struct, IOperandLayout
        where TTile : struct, IWarpTile
        where TEnd : struct, ISumsEnd
    {
        (WarpSchedule schedule, LinearPieces pieces) = Cut<TTile>(device, m, n, bias, c, batch, steps, plan);
        device.Warps(
            new LinearWarps<TOperands, TLeft, TRight, TTile, TEnd>(a, b, schedule, pieces),
            Groups<TTile>(device, schedule), TTile.Threads, LinearWarps<TOperands, TLeft, TRight, TTile, TEnd>.SharedBytes);
        Fold<TTile, TEnd>(device, schedule, pieces);
    }

    private static void MultiplyGroups<TLeft, TRight, TEnd>(
        Device device, WarpOperand a, WarpOperand b, int m, int n, Tensor? bias, Sink c, int batch, int steps, LinearPlan plan)
        where TLeft : struct, IOperandLayout
        where TRight : struct, IOperandLayout
        where TEnd : struct, ISumsEnd
    {
        (WarpSchedule schedule, LinearPieces pieces) = Cut<GroupTile>(device, m, n, bias, c, batch, steps, plan);
        device.Warps(
            new LinearGroups<TLeft, TRight, TEnd>(a, b, schedule, pieces),
            Groups<GroupTile>(device, schedule), GroupTile.Threads, LinearGroups<TLeft, TRight, TEnd>.SharedBytes);
        Fold<GroupTile, TEnd>(device, schedule, pieces);
    }

    private static (WarpSchedule Schedule, LinearPieces Pieces) Cut<TTile>(
        Device device, int m, int n, Tensor? bias, Sink c, int batch, int steps, LinearPlan plan)
        where TTile : struct, IWarpTile
    {
        WarpSchedule schedule = WarpSchedule.For<TTile>(m, n, batch, steps, plan);
        Floats parts = schedule.Cut == 0
            ? default
            : device.Scratch.Rent(new((long)schedule.Cut * schedule.Parts, LinearPieces.PartLength<TTile>())).Memory;
        return (schedule, new(m, n, Shift(bias) ?? Target(m, c), Target(m, c), Start(bias, c), parts));
    }

    private static Index3D Groups<TTile>(Device device, WarpSchedule schedule)
        where TTile : struct, IWarpTile => new(Math.Min(schedule.Pieces, TTile.Together * device.Accelerator.NumMultiprocessors), 1, 1);

    private static void Fold<TTile, TEnd>(Device device, WarpSchedule schedule, LinearPieces pieces)
        where TTile : struct, IWarpTile
        where TEnd : struct, ISumsEnd
    {
        if (schedule.Cut > 0)
        {
            device.Warps(new LinearFold<TTile, TEnd>(schedule, pieces), new Index3D(schedule.Cut, TTile.Parts, 1), TTile.Threads);
        }
    }

    private static void MultiplyShort<TRight, TEnd>(
        Device device, WarpOperand a, WarpOperand b, int m, int n, Tensor? bias, Sink c, int batch, int runs)
        where TRight : struct, IOperandLayout
        where TEnd : struct, ISumsEnd
    {
        ShortSchedule schedule = ShortSchedule.For(
            m, n, batch, a.Chunks * BFloat16Operands.Elements, runs, device.Accelerator.NumMultiprocessors);
        device.Warps(
            new LinearShort<TRight, TEnd>(a, b, schedule, new(m, n, Shift(bias) ?? Target(m, c), Target(m, c), Start(bias, c))),
            new Index3D(checked(schedule.RowTiles * batch), schedule.Runs, 1), LinearShort<TRight, TEnd>.Threads,
            LinearShort<TRight, TEnd>.SharedBytes);
    }

    private static Matrix Target(int m, Sink c) => new(c.Tensor.Memory, c.Tensor.Pitch, 1, (long)m * c.Tensor.Pitch);

    private static Matrix? Shift(Tensor? bias) => bias is { } row ? new(row.Memory, 0, 1, row.Pitch) : null;

    private static int Start(Tensor? bias, Sink c) => bias is not null ? LinearStart.Bias : c.Add ? LinearStart.Add : LinearStart.Zero;

    /// <summary>A matrix whose rows lie along the reduction: what follows a row within its last chunk has to be zero.</summary>
    private static WarpOperand Along<TOperands>(Device device, Tensor source, int batch)
        where TOperands : struct, ITensorOperands =>
        TOperands.Elements == 8 && source.Columns % 8 == 0 && IsReadable(source)
            ? AsItIs(source, batch)
            : Pack<TOperands>(device, source, batch);

    /// <summary>A matrix whose rows lie across the reduction: what follows a row meets no result.</summary>
    private static WarpOperand Across(Device device, Tensor source, int batch) =>
        IsReadable(source) ? AsItIs(source, batch) : Pack<BFloat16Operands>(device, source, batch);

    private static bool IsReadable(Tensor source) =>
        source.ElementType == ElementType.BFloat16 && source.Pitch % 8 == 0 && source.Halves.Length >= 8 &&
        source.Halves.LoadEffectiveAddressAsPtr() % ChunkBytes == 0;

    private static WarpOperand AsItIs(Tensor source, int batch) => new(
        source.Halves.Cast<WordQuad>(), checked((int)(source.Rows / batch)), (source.Columns + 7) / 8, checked(source.Pitch * 2));

    private static WarpOperand Pack<TOperands>(Device device, Tensor source, int batch)
        where TOperands : struct, ITensorOperands
    {
        WarpOperand packed = WarpOperand.Rent<TOperands>(device.Scratch, batch, checked((int)(source.Rows / batch)), source.Columns);
        long total = source.Rows * packed.Chunks;
        device.Warps(
            new LinearPack<TOperands>(
                source.Memory, source.Pitch, packed.Memory, source.Columns, packed.Chunks, total, IsQuads(source) ? 1 : 0),
            new Index3D(checked((int)((total + LinearPack<TOperands>.Threads - 1) / LinearPack<TOperands>.Threads)), 1, 1),
            LinearPack<TOperands>.Threads);
        return packed;
    }

    private static WarpOperand PackTransposed(Device device, Tensor source, int batch)
    {
        int depth = checked((int)(source.Rows / batch));
        WarpOperand packed = WarpOperand.Rent<TensorFloat32Operands>(device.Scratch, batch, source.Columns, depth);
        const int side = LinearPackTransposed.Side;
        device.Warps(
            new LinearPackTransposed(source.Memory, source.Pitch, packed, source.Columns, depth),
            new Index3D((source.Columns + side - 1) / side, ((packed.Chunks * TensorFloat32Operands.Elements) + side - 1) / side, batch),
            LinearPackTransposed.Threads);
        return packed;
    }

    private static bool IsQuads(Tensor source) =>
        source.ElementType == ElementType.Float32 && source.View.LoadEffectiveAddressAsPtr() % ChunkBytes == 0 && source.Pitch % 4 == 0;
}
