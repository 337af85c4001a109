namespace DimIlgpu.Kernels;

/// <summary>Looks rows up in a table.</summary>
/// <remarks>
/// <para>y[b] = table[label[b]].</para>
/// <para>dtable[k] += Σ_{b: label[b] = k} dy[b], summed in the order of b, so equal inputs give equal bits.</para>
/// <para>
/// Labels are tensors whose elements hold the bits of integers. They are on the device, where nothing can be thrown:
/// whoever uploads them must reject those outside 0 … K − 1.
/// </para>
/// </remarks>
public static class Embedding
{
    /// <summary>Looks up a row per label.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="table">The table, (K, D).</param>
    /// <param name="labels">Integers 0 … K − 1, (B, 1), without gaps.</param>
    /// <param name="y">Output, (B, D).</param>
    /// <exception cref="ArgumentException">A shape does not match.</exception>
    public static void Forward(Device device, Tensor table, Tensor labels, Tensor y)
    {
        Check.NotEmpty(table);
        Check.NotEmpty(labels);
        Check.Dense(labels, new(labels.Rows, 1));
        Check.Shape(y, new(labels.Rows, table.Columns));
        device.Strips(
            new EmbeddingForward(table.Memory, labels.Memory, y.Memory, table.Pitch, y.Pitch), y.Rows, y.Columns);
    }

    /// <summary>Sums dy over the samples of each label.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="labels">As in <see cref="Forward"/>.</param>
    /// <param name="dy">Gradient of the output, (B, D).</param>
    /// <param name="dtable">Gradient of the table, (K, D).</param>
    /// <exception cref="ArgumentException">A shape does not match.</exception>
    public static void Backward(Device device, Tensor labels, Tensor dy, Sink dtable)
    {
        Check.NotEmpty(labels);
        Check.Dense(labels, new(labels.Rows, 1));
        Check.Shape(dy, new(labels.Rows, dtable.Tensor.Columns));
        if (device.Kind == DeviceKind.Cpu)
        {
            device.Tiles(
                new EmbeddingBackwardRow(
                    labels.Memory, dy.Memory, dtable.Tensor.Memory, dy.Pitch, dtable.Tensor.Pitch, dy.Columns, (int)dy.Rows,
                    dtable.Add ? 1 : 0),
                dtable.Tensor.Rows, device.Lane(dy.Columns));
            return;
        }

        device.Strips(
            new EmbeddingBackward(
                labels.Memory, dy.Memory, dtable.Tensor.Memory, dy.Pitch, dtable.Tensor.Pitch, (int)dy.Rows, dtable.Add ? 1 : 0),
            dtable.Tensor.Rows, dtable.Tensor.Columns);
    }
}
