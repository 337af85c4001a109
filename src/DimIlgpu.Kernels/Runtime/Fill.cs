namespace DimIlgpu.Kernels;

/// <summary>Zeroing and copying of tensors whose rows have gaps.</summary>
internal static class Fill
{
    public static void Zero(Device device, Tensor y) =>
        device.Strips(new FillZero(y.Memory, y.Pitch), y.Rows, y.Columns);

    public static void Copy(Device device, Tensor x, Tensor y) =>
        device.Strips(new FillCopy(x.Memory, y.Memory, x.Pitch, y.Pitch), x.Rows, x.Columns);
}

internal readonly struct FillZero(Floats y, int pitch) : IStripKernel
{
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane> => TLane.Store(y, (strip * pitch) + column, TLane.Of(0f));
}

internal readonly struct FillCopy(Floats x, Floats y, int xPitch, int yPitch) : IStripKernel
{
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane> =>
        TLane.Store(y, (strip * yPitch) + column, TLane.Load(x, (strip * xPitch) + column));
}
