using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.Linear"/>.</summary>
public static class LinearOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.Linear"/>
        /// <param name="x">X, (G·M, K).</param>
        /// <param name="weight">W, (G·N, K).</param>
        /// <param name="bias">b, (G, N); null for none.</param>
        /// <param name="batch">G, the number of weights.</param>
        /// <param name="wide">Whether Y is float32 whatever X is; otherwise it is stored as X is.</param>
        /// <param name="activation">f.</param>
        public Variable Linear(
            Variable x, Variable weight, Variable? bias = null, int batch = 1, bool wide = false, Activation activation = Activation.Identity)
        {
            Tensor y = tape.Rent(
                new(x.Value.Rows, checked((int)(weight.Value.Rows / batch))), type: wide ? ElementType.Float32 : x.Value.ElementType);
            Tensor operand = weight.Operand ?? weight.Value;
            Kernels.Linear.Forward(tape.Device, x.Value, operand, bias?.Value, y, batch, weight.Packed, activation);
            return tape.Record(y, bias is null ? [x, weight] : [x, weight, bias], dy =>
            {
                Sink? shift = bias?.Sink();
                if (activation == Activation.Softplus)
                {
                    // In place: nobody reads the gradient of y again. That of the bias is summed on the way.
                    Kernels.Softplus.Backward(tape.Device, y, dy, new(dy, Add: false), shift);
                    shift = null;
                }

                Kernels.Linear.Backward(tape.Device, x.Value, operand, dy, x.Sink(), weight.Sink(), shift, batch);
            });
        }
    }
}
