using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.ColumnSum"/>.</summary>
public static class ColumnSumOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.ColumnSum"/>
        public Variable ColumnSum(Variable x, int groups)
        {
            Tensor y = tape.Rent(new(groups, x.Value.Columns));
            Kernels.ColumnSum.Forward(tape.Device, x.Value, new(y, Add: false));
            return tape.Record(y, [x], dy =>
            {
                if (x.Sink() is { } dx)
                {
                    Kernels.ColumnSum.Backward(tape.Device, dy, dx);
                }
            });
        }
    }
}
