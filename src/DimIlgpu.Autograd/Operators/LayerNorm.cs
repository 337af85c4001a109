using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.LayerNorm"/>.</summary>
public static class LayerNormOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.LayerNorm"/>
        public Variable LayerNorm(Variable x)
        {
            Tensor h = tape.Rent(x.Value.Shape, type: tape.Device.ActivationType), statistics = tape.Rent(new(x.Value.Rows, 2));
            Kernels.LayerNorm.Forward(tape.Device, x.Value, h, statistics);
            return tape.Record(h, [x], dh => Kernels.LayerNorm.Backward(tape.Device, x.Value, statistics, dh, x.Sink()));
        }

        /// <inheritdoc cref="Kernels.LayerNorm"/>
        public Variable LayerNorm(Variable x, Variable shift, Variable scale)
        {
            Tensor h = tape.Rent(x.Value.Shape, type: tape.Device.ActivationType), statistics = tape.Rent(new(x.Value.Rows, 2));
            Kernels.LayerNorm.Forward(tape.Device, x.Value, shift.Value, scale.Value, h, statistics);
            return tape.Record(h, [x, shift, scale], dh => Kernels.LayerNorm.Backward(
                tape.Device, x.Value, scale.Value, statistics, dh, x.Sink(), shift.Sink(), scale.Sink()));
        }

        /// <summary>The residual stream y = x + gate ⊙ o and its modulated norm h, in one pass.</summary>
        /// <param name="x">The residual stream; where nothing is recorded it is updated itself.</param>
        /// <param name="gate">The branch's gate.</param>
        /// <param name="o">The branch.</param>
        /// <param name="shift">What is added to the norm.</param>
        /// <param name="scale">What is added to 1 and multiplies it.</param>
        /// <param name="spent">The norm before, which nothing needs any more; where nothing is recorded it receives h.</param>
        /// <inheritdoc cref="Kernels.LayerNorm"/>
        public (Variable Y, Variable H) LayerNorm(Variable x, Variable gate, Variable o, Variable shift, Variable scale, Variable spent)
        {
            Tensor y = tape.IsRecording ? tape.RentLike(x.Value) : x.Value, h = tape.IsRecording ? tape.RentLike(spent.Value) : spent.Value;
            Tensor statistics = tape.Rent(new(x.Value.Rows, 2));
            Kernels.LayerNorm.Forward(tape.Device, x.Value, gate.Value, o.Value, y, shift.Value, scale.Value, h, statistics);
            return tape.Record(y, h, [x, gate, o, shift, scale], (dy, dh) =>
            {
                if (dh is { } seed)
                {
                    Kernels.LayerNorm.Backward(
                        tape.Device, y, gate.Value, o.Value, scale.Value, statistics, dy, seed,
                        new(x.Sink(), gate.Sink(), o.Sink(), shift.Sink(), scale.Sink()));
                }
                else
                {
                    Kernels.GatedResidual.Backward(tape.Device, gate.Value, o.Value, dy!.Value, x.Sink(), gate.Sink(), o.Sink());
                }
            });
        }
    }
}
