using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.AddTable"/>.</summary>
public static class AddTableOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.AddTable"/>
        /// <param name="x">Input, (B·L, columns).</param>
        /// <param name="table">The table, (L, columns).</param>
        /// <param name="inPlace">Whether a tape that does not record may overwrite <paramref name="x"/>, which nobody else then needs.</param>
        public Variable AddTable(Variable x, Variable table, bool inPlace = false)
        {
            Tensor y = inPlace && !tape.IsRecording ? x.Value : tape.RentLike(x.Value);
            Kernels.AddTable.Forward(tape.Device, x.Value, table.Value, y);
            return tape.Record(y, [x, table], dy => Kernels.AddTable.Backward(tape.Device, dy, x.Sink(), table.Sink()));
        }
    }
}
