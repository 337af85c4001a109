namespace DimIlgpu.Kernels;

/// <summary>From the squared norm of the accumulated gradient: the norm, what to multiply the gradient with, and whether to go on.</summary>
/// <remarks>
/// <para>norm = s·√(Σ g²), with s the <see cref="UpdateState.GradientScale"/> of the accumulation.</para>
/// <para>scale = s·min(1, maximum / norm); s where the maximum is 0.</para>
/// <para>go = 1 where Σ g² is finite, otherwise 0 and scale = 0. It all stays on the device: nobody waits for it.</para>
/// </remarks>
public static class ClipScale
{
    /// <summary>Computes the last three values of <paramref name="state"/> from its squared norm and gradient scale.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="state">The buffer described at <see cref="UpdateState"/>.</param>
    /// <param name="maximum">The largest norm; 0 for no clipping.</param>
    /// <exception cref="ArgumentException">The buffer has another shape.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The maximum is negative or no number.</exception>
    public static void Update(Device device, Tensor state, float maximum)
    {
        Check.Dense(state, UpdateState.Shape);
        if (!(maximum >= 0))
        {
            throw new ArgumentOutOfRangeException(nameof(maximum), maximum, "The largest norm is positive, or 0 for none.");
        }

        device.Strips(new ClipScaleKernel(state.Memory, maximum), 1, 1);
    }
}
