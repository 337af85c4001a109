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
    }
}
