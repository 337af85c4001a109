namespace DimIlgpu.Kernels;

/// <summary>The mean squared difference of each row from its target.</summary>
/// <remarks>
/// <para>loss[b] = (1/n) Σⱼ (x[b,j] − target[b,j])².</para>
/// <para>dx[b,j] += (2/n) · (x[b,j] − target[b,j]) · dloss[b].</para>
/// </remarks>
public static class MeanSquaredError
{
    /// <summary>Computes the loss of each row.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Prediction, (rows, n).</param>
    /// <param name="target">What was wanted, (rows, n).</param>
    /// <param name="loss">Output, (rows, 1), dense.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="x"/>.</exception>
    public static void Forward(Device device, Tensor x, Tensor target, Tensor loss)
    {
        Check.NotEmpty(x);
        Check.Shape(target, x.Shape);
        Check.Dense(loss, new(x.Rows, 1));
        if (RowTotal.Takes(device, loss, x, target))
        {
            RowTotal.Write(
                device, x.Shape, loss, 1f / x.Columns,
                total => new MeanSquaredErrorForwardGroups(x.Memory, target.Memory, x.Pitch, target.Pitch, total));
            return;
        }

        RowResult.Write(device, loss, lanes => device.Rows(
            new MeanSquaredErrorForward(x.Memory, target.Memory, lanes.Memory, x.Pitch, target.Pitch, x.Columns),
            x.Rows, x.Columns));
    }

    /// <summary>Adds the gradient of the prediction; the target is a constant.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Prediction, (rows, n).</param>
    /// <param name="target">What was wanted, (rows, n).</param>
    /// <param name="dloss">Gradient of the losses, (rows, 1), dense.</param>
    /// <param name="dx">Gradient of the prediction.</param>
    public static void Backward(Device device, Tensor x, Tensor target, Tensor dloss, Sink dx)
    {
        Check.Shape(target, x.Shape);
        Check.Dense(dloss, new(x.Rows, 1));
        Check.Shape(dx.Tensor, x.Shape, nameof(dx));
        if (x.ElementType == ElementType.Float32 && dloss.ElementType == ElementType.Float32 && QuadMap.Takes(device, x, target, dx.Tensor))
        {
            QuadMap map = QuadMap.Of<MeanSquaredErrorBackwardGroups, MeanSquaredErrorQuads>(x);
            map.Launch(device, new MeanSquaredErrorBackwardGroups(
                x.Memory, target.Memory, dloss.Memory, Target.Of(dx, x), x.Pitch, target.Pitch, 2f / x.Columns, map));
            return;
        }

        device.Strips(
            new MeanSquaredErrorBackward(
                x.Memory, target.Memory, dloss.Memory, dx.Tensor.Memory,
                x.Pitch, target.Pitch, dx.Tensor.Pitch, x.Columns, dx.Add ? 1 : 0),
            x.Rows, x.Columns);
    }
}
