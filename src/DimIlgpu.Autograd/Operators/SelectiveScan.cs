using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.SelectiveScan"/>.</summary>
public static class SelectiveScanOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.SelectiveScan"/>
        /// <param name="u">u, (2·B·L, E).</param>
        /// <param name="delta">Δ, (2·B·L, E).</param>
        /// <param name="aLog">A_log, (2·N, E).</param>
        /// <param name="b">B, (2·B·L, N).</param>
        /// <param name="c">C, (2·B·L, N).</param>
        /// <param name="d">D, (2, E).</param>
        /// <param name="batch">Batch size B.</param>
        public Variable SelectiveScan(
            Variable u, Variable delta, Variable aLog, Variable b, Variable c, Variable d, int batch)
        {
            ScanInputs inputs = new(u.Value, delta.Value, aLog.Value, b.Value, c.Value, d.Value);
            Tensor y = tape.RentLike(u.Value);
            Tensor? checkpoints = tape.IsRecording
                ? tape.Rent(Kernels.SelectiveScan.CheckpointShape(
                    tape.Device, batch, checked((int)(u.Value.Rows / 2 / batch)), b.Value.Columns, u.Value.Columns))
                : null;
            Kernels.SelectiveScan.Forward(tape.Device, inputs, y, batch, checkpoints);
            return tape.Record(y, [u, delta, aLog, b, c, d], dy => Kernels.SelectiveScan.Backward(
                tape.Device, inputs, checkpoints!.Value, dy, batch,
                new(u.Sink(), delta.Sink(), aLog.Sink(), b.Sink(), c.Sink(), d.Sink())));
        }
    }
}
