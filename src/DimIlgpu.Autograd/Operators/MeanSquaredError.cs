using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.MeanSquaredError"/>.</summary>
public static class MeanSquaredErrorOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.MeanSquaredError"/>
        public Variable MeanSquaredError(Variable x, Tensor target)
        {
            Tensor loss = tape.Rent(new(x.Value.Rows, 1));
            Kernels.MeanSquaredError.Forward(tape.Device, x.Value, target, loss);
            return tape.Record(loss, [x], dloss =>
            {
                if (x.Sink() is { } dx)
                {
                    Kernels.MeanSquaredError.Backward(tape.Device, x.Value, target, dloss, dx);
                }
            });
        }
    }
}
