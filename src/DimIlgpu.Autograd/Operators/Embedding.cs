using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.Embedding"/>.</summary>
public static class EmbeddingOperator
{
    extension(Tape tape)
    {
        /// <inheritdoc cref="Kernels.Embedding"/>
        public Variable Embedding(Variable table, Tensor labels)
        {
            Tensor y = tape.Rent(new(labels.Rows, table.Value.Columns));
            Kernels.Embedding.Forward(tape.Device, table.Value, labels, y);
            return tape.Record(y, [table], dy =>
            {
                if (table.Sink() is { } dtable)
                {
                    Kernels.Embedding.Backward(tape.Device, labels, dy, dtable);
                }
            });
        }
    }
}
