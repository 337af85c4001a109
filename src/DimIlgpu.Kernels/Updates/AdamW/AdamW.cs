namespace DimIlgpu.Kernels;

/// <summary>The constants of <see cref="AdamW"/>.</summary>
/// <param name="Beta1">β₁, decay of the first moment.</param>
/// <param name="Beta2">β₂, decay of the second moment.</param>
/// <param name="Epsilon">ε, added to the root of the second moment.</param>
/// <param name="WeightDecay">λ, decoupled: applied to the parameter, not to the gradient.</param>
public readonly record struct AdamWConstants(double Beta1, double Beta2, double Epsilon, double WeightDecay);

/// <summary>One step of Adam with decoupled weight decay, and of the moving average of the parameters and of their copy for products, in one pass.</summary>
/// <remarks>
/// <para>g ← scale·g, m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g².</para>
/// <para>p ← p·(1 − ηλ) − η·(c₁m) / (√(c₂v) + ε), c_i = 1 / (1 − β_i^t).</para>
/// <para>e ← e + (1 − d)(p − e), where an average is kept.</para>
/// <para>
/// η, c₁, c₂, 1 − d, scale and go are read from the buffer described at <see cref="UpdateState"/>. The gradient is cleared
/// in the same pass. Where go is 0 (a gradient that is not finite) it is cleared and nothing else changes; the caller's t
/// advances all the same.
/// </para>
/// <para>Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.</para>
/// </remarks>
public static class AdamW
{
    /// <summary>Updates p, m, v and the average, and clears g.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="p">Parameters, without gaps between rows, as are all the others.</param>
    /// <param name="g">Accumulated gradient, of p's shape.</param>
    /// <param name="m">First moment, of p's shape.</param>
    /// <param name="v">Second moment, of p's shape.</param>
    /// <param name="ema">Moving average of the parameters, of p's shape; null for none.</param>
    /// <param name="state">The buffer described at <see cref="UpdateState"/>.</param>
    /// <param name="constants">β₁, β₂, ε and λ.</param>
    /// <param name="copy">Receives the parameters again, in another element type; null for none.</param>
    /// <exception cref="ArgumentException">A shape does not match.</exception>
    public static void Update(
        Device device, Tensor p, Tensor g, Tensor m, Tensor v, Tensor? ema, Tensor state, AdamWConstants constants, Tensor? copy = null)
    {
        Check.NotEmpty(p);
        Check.Dense(p, p.Shape);
        Check.Dense(g, p.Shape);
        Check.Dense(m, p.Shape);
        Check.Dense(v, p.Shape);
        Check.Dense(state, UpdateState.Shape);
        Tensor average = ema ?? p;
        Check.Dense(average, p.Shape, nameof(ema));
        Tensor second = copy ?? p;
        Check.Dense(second, p.Shape, nameof(copy));
        device.Strips(
            new AdamWKernel(
                p.Memory, g.Memory, m.Memory, v.Memory, average.Memory, second.Memory, state.Memory, p.Columns,
                (float)constants.Beta1, (float)(1 - constants.Beta1), (float)constants.Beta2, (float)(1 - constants.Beta2),
                (float)constants.Epsilon, (float)constants.WeightDecay, ema is null ? 0 : 1, copy is null ? 0 : 1),
            p.Rows, p.Columns);
    }
}
