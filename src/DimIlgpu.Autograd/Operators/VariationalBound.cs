using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.VariationalBound"/>.</summary>
public static class VariationalBoundOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.VariationalBound"/>
        public Variable VariationalBound(
            Tensor sample, Tensor noise, Tensor prediction, Variable variance, Tensor coefficients)
        {
            Tensor bits = tape.Rent(new(sample.Rows, 1));
            Kernels.VariationalBound.Forward(
                tape.Device, sample, noise, prediction, variance.Value, coefficients, bits);
            return tape.Record(bits, [variance], dbits =>
            {
                if (variance.Sink() is { } dvariance)
                {
                    Kernels.VariationalBound.Backward(
                        tape.Device, sample, noise, prediction, variance.Value, coefficients, dbits, dvariance);
                }
            });
        }
    }
}
