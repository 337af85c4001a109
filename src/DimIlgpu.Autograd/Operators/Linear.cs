using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.Linear"/>.</summary>
public static class LinearOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.Linear"/>
        public Variable Linear(Variable x, Variable weight, Variable? bias = null, int batch = 1)
        {
            Tensor y = tape.Rent(new(x.Value.Rows, checked((int)(weight.Value.Rows / batch))));
            Kernels.Linear.Forward(tape.Device, x.Value, weight.Value, bias?.Value, y, batch, weight.Packed);
            return tape.Record(y, bias is null ? [x, weight] : [x, weight, bias], dy => Kernels.Linear.Backward(
                tape.Device, x.Value, weight.Value, dy, x.Sink(), weight.Sink(), bias?.Sink(), batch));
        }
    }
}
