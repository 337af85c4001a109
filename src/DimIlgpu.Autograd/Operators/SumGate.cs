using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.SumGate"/>.</summary>
public static class SumGateOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.SumGate"/>
        public Variable SumGate(Variable y, Variable z, bool divide)
        {
            Tensor g = tape.RentLike(z.Value);
            Kernels.SumGate.Forward(tape.Device, y.Value, z.Value, g, divide);
            return tape.Record(g, [y, z], dg => Kernels.SumGate.Backward(
                tape.Device, y.Value, z.Value, dg, y.Sink(), z.Sink(), divide));
        }
    }
}
