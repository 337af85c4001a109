using System.Globalization;
using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>
/// Bound by exponentials: 16 a channel, token and direction. Counted in states, 2·B·L·E·N, and held on a CPU against
/// 6,000 million a second where the peak is 234 GFLOP/s, which is 39 operations a state; backward at 40 % of that rate.
/// On a GPU the shapes of DiM-XL/2 at batch 8 follow, in float32 and bfloat16, with the time that an H100's special-function
/// units need for one 2^x a state.
/// </summary>
public sealed class SelectiveScanBenchmark : IBenchmark
{
    /// <summary>Operations at the peak in the time that a state is meant to take.</summary>
    public const double ForwardOperations = 234.0 / 6;

    /// <inheritdoc cref="ForwardOperations"/>
    public const double BackwardOperations = ForwardOperations / 0.4;

    private const int States = 16;

    // 132 multiprocessors, 16 results a clock each, 1.98 GHz at most.
    private const double H100Exponentials = 132 * 16 * 1.98e9;
    private const int RandomRows = 4096;

    // DiM-S/2 at batch 4 and 256 tokens, then one long sequence; then lengths at a constant number of channels, for the
    // time per token must not grow with the sequence.
    private static readonly (int Batch, int Length, int Channels)[] Shapes =
        [(4, 256, 768), (1, 4096, 768), (1, 64, 256), (1, 1024, 256), (1, 65536, 256)];

    // On a GPU: lengths of DiM-XL/2 at batch 8, and the batch that it is trained with; then one sequence of it, for the time
    // per token must not grow with the length.
    private static readonly (int Batch, int Length)[] Large =
        [(8, 256), (8, 1024), (8, 4096), (8, 16384), (64, 256), (1, 4096), (1, 65536)];

    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        foreach ((int batch, int length, int channels) in Shapes)
        {
            foreach (BenchmarkCase item in OfShape(device, arena, batch, length, channels, ElementType.Float32))
            {
                yield return item;
            }
        }

        if (device.Kind == DeviceKind.Cpu)
        {
            yield break;
        }

        foreach ((int batch, int length) in Large)
        {
            foreach (ElementType type in new[] { ElementType.Float32, ElementType.BFloat16 })
            {
                foreach (BenchmarkCase item in OfShape(device, arena, batch, length, channels: 2304, type))
                {
                    yield return item;
                }
            }
        }
    }

    private static IEnumerable<BenchmarkCase> OfShape(
        Device device, Arena arena, int batch, int length, int channels, ElementType type)
    {
        using ArenaScope scope = arena.Scope();
        Shape tokens = new(2L * batch * length, channels), states = new(2L * batch * length, States);
        ScanInputs inputs = new(
            Random(arena, tokens, type), Random(arena, tokens, type), arena.Random(new(2 * States, channels)),
            Random(arena, states, type), Random(arena, states, type), arena.Random(new(2, channels)));
        Softplus.Forward(device, inputs.Delta, arena.Rent(new(1, channels), clear: true), inputs.Delta);
        Tensor y = arena.Rent(tokens, type: type), dy = Random(arena, tokens, type);
        Tensor kept = arena.Rent(SelectiveScan.CheckpointShape(device, batch, length, States, channels));
        ScanGradients gradients = new(
            new(arena.Rent(tokens, type: type), false), new(arena.Rent(tokens, type: type), false),
            new(arena.Rent(inputs.ALog.Shape), false), new(arena.Rent(states, type: type), false),
            new(arena.Rent(states, type: type), false), new(arena.Rent(inputs.D.Shape), false));
        double work = 2.0 * batch * length * channels * States;
        string shape = string.Create(
            CultureInfo.InvariantCulture,
            $"B{batch} L{length} E{channels} N{States}{(device.Kind == DeviceKind.Cpu ? "" : $" (2^x of an H100: {1e3 * work / H100Exponentials:0.000} ms)")}");
        string suffix = type == ElementType.BFloat16 ? ".bf16" : "";
        yield return new(
            "selective-scan.forward" + suffix, shape, Bound.States, work,
            () => SelectiveScan.Forward(device, inputs, y, batch, null)) { PeakWork = ForwardOperations * work };
        SelectiveScan.Forward(device, inputs, y, batch, kept);
        yield return new(
            "selective-scan.backward" + suffix, shape, Bound.States, work,
            () => SelectiveScan.Backward(device, inputs, kept, dy, batch, gradients)) { PeakWork = BackwardOperations * work };
    }

    /// <summary>Random rows, of which there are no more than some thousand different ones.</summary>
    private static Tensor Random(Arena arena, Shape shape, ElementType type)
    {
        Tensor tensor = arena.Rent(shape, type: type), rows = arena.Random(new(Math.Min(shape.Rows, RandomRows), shape.Columns));
        for (long row = 0; row < shape.Rows; row += rows.Rows)
        {
            long count = Math.Min(rows.Rows, shape.Rows - row);
            tensor.SliceRows(row, count).CopyFrom(rows.SliceRows(0, count));
        }

        return tensor;
    }
}
