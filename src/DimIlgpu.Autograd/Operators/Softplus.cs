using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.Softplus"/>.</summary>
public static class SoftplusOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.Softplus"/>
        /// <remarks>Overwrites the value of <paramref name="x"/>, which no linear layer's adjoint reads again.</remarks>
        public Variable Softplus(Variable x, Variable bias)
        {
            Kernels.Softplus.Forward(tape.Device, x.Value, bias.Value, x.Value);
            return tape.Record(x.Value, [x, bias], dy => Kernels.Softplus.Backward(
                tape.Device, x.Value, dy, x.Sink(), bias.Sink()));
        }
    }
}
