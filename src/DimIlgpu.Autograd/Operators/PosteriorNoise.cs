using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary><see cref="Kernels.PosteriorNoise"/> as a constant of a tape.</summary>
public static class PosteriorNoiseOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.PosteriorNoise"/>
        public Variable PosteriorNoise(Tensor mean, Tensor variance, Tensor noise, Tensor coefficients)
        {
            Tensor y = tape.Rent(mean.Shape);
            Kernels.PosteriorNoise.Forward(tape.Device, mean, variance, noise, coefficients, y);
            return Tape.Constant(y);
        }
    }
}
