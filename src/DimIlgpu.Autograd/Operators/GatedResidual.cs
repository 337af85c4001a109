using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.GatedResidual"/>.</summary>
public static class GatedResidualOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.GatedResidual"/>
        /// <remarks>Where nothing is recorded <paramref name="x"/> itself is updated, so that a block needs no second stream.</remarks>
        public Variable GatedResidual(Variable x, Variable gate, Variable o)
        {
            Tensor y = tape.IsRecording ? tape.RentLike(x.Value) : x.Value;
            Kernels.GatedResidual.Forward(tape.Device, x.Value, gate.Value, o.Value, y);
            return tape.Record(y, [x, gate, o], dy => Kernels.GatedResidual.Backward(
                tape.Device, gate.Value, o.Value, dy, x.Sink(), gate.Sink(), o.Sink()));
        }
    }
}
