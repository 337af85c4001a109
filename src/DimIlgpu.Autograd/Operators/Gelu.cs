using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.Gelu"/>.</summary>
public static class GeluOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.Gelu"/>
        public Variable Gelu(Variable x)
        {
            Tensor y = tape.RentLike(x.Value);
            Kernels.Gelu.Forward(tape.Device, x.Value, y);
            return tape.Record(y, [x], dy => Kernels.Gelu.Backward(tape.Device, x.Value, dy, x.Sink()!.Value));
        }
    }
}
