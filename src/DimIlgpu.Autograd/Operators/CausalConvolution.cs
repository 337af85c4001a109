using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.CausalConvolution"/>.</summary>
public static class CausalConvolutionOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.CausalConvolution"/>
        public Variable CausalConvolution(Variable x, Variable weight, Variable bias, int length)
        {
            Tensor u = tape.RentLike(x.Value, new(2 * x.Value.Rows, x.Value.Columns));
            Kernels.CausalConvolution.Forward(tape.Device, x.Value, weight.Value, bias.Value, u, length);
            return tape.Record(u, [x, weight, bias], du => Kernels.CausalConvolution.Backward(
                tape.Device, x.Value, weight.Value, bias.Value, du, x.Sink(), weight.Sink(), bias.Sink(), length));
        }
    }
}
