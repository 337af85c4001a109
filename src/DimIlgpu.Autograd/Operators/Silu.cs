using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.Silu"/>.</summary>
public static class SiluOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.Silu"/>
        public Variable Silu(Variable x)
        {
            Tensor y = tape.RentLike(x.Value);
            Kernels.Silu.Forward(tape.Device, x.Value, y);
            return tape.Record(y, [x], dy => Kernels.Silu.Backward(tape.Device, x.Value, dy, x.Sink()!.Value));
        }
    }
}
