using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.Mix"/>.</summary>
public static class MixOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.Mix"/>
        public Variable Mix(ReadOnlySpan<Variable> x, Tensor coefficients)
        {
            Variable[] inputs = [.. x];
            Tensor y = tape.Rent(inputs[0].Value.Shape);
            Kernels.Mix.Forward(tape.Device, [.. inputs.Select(i => i.Value)], coefficients, y);
            return tape.Record(y, inputs, dy =>
                Kernels.Mix.Backward(tape.Device, coefficients, y, dy, [.. inputs.Select(i => i.Sink())]));
        }
    }
}
