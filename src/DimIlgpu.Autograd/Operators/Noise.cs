using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary><see cref="Kernels.Noise"/> as constants of a tape.</summary>
public static class NoiseOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.Noise.Uniform"/>
        public Variable Uniform(Tensor state, int slot, Shape shape)
        {
            Tensor y = tape.Rent(shape);
            Noise.Uniform(tape.Device, state, slot, y);
            return Tape.Constant(y);
        }

        /// <inheritdoc cref="Kernels.Noise.Normal"/>
        public Variable Normal(Tensor state, int slot, Shape shape)
        {
            Tensor y = tape.Rent(shape);
            Noise.Normal(tape.Device, state, slot, y);
            return Tape.Constant(y);
        }
    }
}
