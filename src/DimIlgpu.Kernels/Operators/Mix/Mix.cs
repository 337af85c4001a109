namespace DimIlgpu.Kernels;

/// <summary>A linear combination of up to four tensors, with coefficients of each row.</summary>
/// <remarks>
/// <para>y[b,j] = clamp(Σᵢ k[b,i] · xᵢ[b,j]), the clamp being to ±k[b,4] where that is positive and absent where it is 0.</para>
/// <para>dxᵢ[b,j] += k[b,i] · dy[b,j], and nothing where y was clamped.</para>
/// <para>
/// Noising, prediction targets, the recovery of x̂₀ and the update of every sampler are this operator: what tells them
/// apart is four numbers per sample, which the host computes in double precision.
/// </para>
/// </remarks>
public static class Mix
{
    /// <summary>Length of a row of coefficients: four factors and the clamp.</summary>
    public const int Width = 5;

    /// <summary>Combines the inputs.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">One to four inputs, (rows, columns) each.</param>
    /// <param name="coefficients">k: (rows, 5), or (1, 5) for all rows; dense.</param>
    /// <param name="y">Output, (rows, columns); may be any of the inputs.</param>
    /// <exception cref="ArgumentException">A shape does not match <paramref name="y"/>, or there are no or too many inputs.</exception>
    public static void Forward(Device device, ReadOnlySpan<Tensor> x, Tensor coefficients, Tensor y)
    {
        if (x.Length is < 1 or > 4)
        {
            throw new ArgumentException($"'{nameof(x)}' has {x.Length} tensors; expected 1 to 4.", nameof(x));
        }

        Check.NotEmpty(y);
        CheckCoefficients(coefficients, y.Rows);
        foreach (Tensor input in x)
        {
            Check.Shape(input, y.Shape, nameof(x));
        }

        Tensor x0 = x[0], x1 = x[Math.Min(1, x.Length - 1)], x2 = x[Math.Min(2, x.Length - 1)], x3 = x[^1];
        if (y.ElementType == ElementType.Float32 && QuadMap.Takes(device, y, x0, x1, x2, x3))
        {
            QuadMap map = QuadMap.Of<MixForwardGroups, MixQuads>(y);
            map.Launch(device, new MixForwardGroups(
                x0.Memory, x1.Memory, x2.Memory, x3.Memory, coefficients.Memory, y.Memory,
                x0.Pitch, x1.Pitch, x2.Pitch, x3.Pitch, Stride(coefficients), y.Pitch, x.Length, map));
            return;
        }

        device.Strips(
            new MixForward(
                x0.Memory, x1.Memory, x2.Memory, x3.Memory, coefficients.Memory, y.Memory,
                x0.Pitch, x1.Pitch, x2.Pitch, x3.Pitch, Stride(coefficients), y.Pitch, x.Length),
            y.Rows, y.Columns);
    }

    /// <summary>Hands <paramref name="dy"/> to the inputs.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="coefficients">k, as in the forward pass.</param>
    /// <param name="y">The forward result.</param>
    /// <param name="dy">Gradient of the output, (rows, columns).</param>
    /// <param name="dx">Gradients of the inputs; null where not wanted.</param>
    public static void Backward(Device device, Tensor coefficients, Tensor y, Tensor dy, ReadOnlySpan<Sink?> dx)
    {
        CheckCoefficients(coefficients, y.Rows);
        Check.Shape(dy, y.Shape);
        for (int i = 0; i < dx.Length; i++)
        {
            if (dx[i] is { } to)
            {
                Check.Shape(to.Tensor, y.Shape, nameof(dx));
                device.Strips(
                    new MixBackward(
                        coefficients.Memory, y.Memory, dy.Memory, to.Tensor.Memory, Stride(coefficients),
                        y.Pitch, dy.Pitch, to.Tensor.Pitch, i, to.Add ? 1 : 0),
                    y.Rows, y.Columns);
            }
        }
    }

    private static void CheckCoefficients(Tensor coefficients, long rows) =>
        Check.Dense(coefficients, new(coefficients.Rows == 1 ? 1 : rows, Width));

    // One row serves every row of the output by not advancing.
    private static int Stride(Tensor coefficients) => coefficients.Rows == 1 ? 0 : Width;
}
