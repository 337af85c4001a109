using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.Sum"/>.</summary>
public static class SumOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.Sum"/>
        public Variable Sum(Variable a, Variable b)
        {
            Tensor y = tape.RentLike(a.Value);
            Kernels.Sum.Forward(tape.Device, a.Value, b.Value, y);
            return tape.Record(y, [a, b], dy => Kernels.Sum.Backward(tape.Device, dy, a.Sink(), b.Sink()));
        }
    }
}
