namespace DimIlgpu.Kernels;

/// <summary>One number per row, from kernels whose lanes can only be stored whole.</summary>
internal static class RowResult
{
    /// <summary>Columns of the widest lane: a row kernel stores its result in all of them.</summary>
    public const int Width = 16;

    /// <summary>Runs a kernel that stores a lane per row, <see cref="Width"/> apart, and keeps the first column.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="y">Receives the numbers, (rows, 1).</param>
    /// <param name="launch">Launches the kernel, given where its lanes go.</param>
    public static void Write(Device device, Tensor y, Action<Tensor> launch)
    {
        using ArenaScope scope = device.Scratch.Scope();
        Tensor lanes = device.Scratch.Rent(new(y.Rows, Width));
        launch(lanes);
        y.CopyFrom(lanes.Slice(0, 1));
    }
}
