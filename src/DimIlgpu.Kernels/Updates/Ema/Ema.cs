namespace DimIlgpu.Kernels;

/// <summary>The exponential moving average of the parameters, on its own; training has it fused into <see cref="AdamW"/>.</summary>
/// <remarks>
/// <para>e ← d·e + (1 − d)·p, computed as e + (1 − d)(p − e), which keeps e = p exactly where they are equal.</para>
/// <para>1 − d is read from the buffer described at <see cref="UpdateState"/>.</para>
/// </remarks>
public static class Ema
{
    /// <summary>Updates the average.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="p">Parameters, without gaps between rows.</param>
    /// <param name="ema">Their average, of p's shape.</param>
    /// <param name="state">The buffer described at <see cref="UpdateState"/>.</param>
    /// <exception cref="ArgumentException">A shape does not match.</exception>
    public static void Update(Device device, Tensor p, Tensor ema, Tensor state)
    {
        Check.NotEmpty(p);
        Check.Dense(p, p.Shape);
        Check.Dense(ema, p.Shape);
        Check.Dense(state, UpdateState.Shape);
        device.Strips(new EmaKernel(p.Memory, ema.Memory, state.Memory, p.Columns), p.Rows, p.Columns);
    }
}
