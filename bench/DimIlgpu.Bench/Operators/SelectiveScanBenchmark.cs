using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>
/// Bound by exponentials: 16 a channel, token and direction. Counted in states, 2·B·L·E·N, and held on a CPU against
/// 6,000 million a second where the peak is 234 GFLOP/s, which is 39 operations a state; backward at 40 % of that rate.
/// </summary>
public sealed class SelectiveScanBenchmark : IBenchmark
{
    /// <summary>Operations at the peak in the time that a state is meant to take.</summary>
    public const double ForwardOperations = 234.0 / 6;

    /// <inheritdoc cref="ForwardOperations"/>
    public const double BackwardOperations = ForwardOperations / 0.4;

    private const int States = 16;

    // DiM-S/2 at batch 4 and 256 tokens, then one long sequence; then lengths at a constant number of channels, for the
    // time per token must not grow with the sequence.
    private static readonly (int Batch, int Length, int Channels)[] Shapes =
        [(4, 256, 768), (1, 4096, 768), (1, 64, 256), (1, 1024, 256), (1, 65536, 256)];

    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        foreach ((int batch, int length, int channels) in Shapes)
        {
            Shape tokens = new(2L * batch * length, channels), states = new(2L * batch * length, States);
            ScanInputs inputs = new(
                arena.Random(tokens), Positive(device, arena, tokens), arena.Random(new(2 * States, channels)),
                arena.Random(states), arena.Random(states), arena.Random(new(2, channels)));
            Tensor y = arena.Rent(tokens), dy = arena.Random(tokens), du = arena.Rent(tokens), dDelta = arena.Rent(tokens);
            Tensor kept = arena.Rent(SelectiveScan.CheckpointShape(device, batch, length, States, channels));
            ScanGradients gradients = new(
                new(du, false), new(dDelta, false), new(arena.Rent(inputs.ALog.Shape), false), new(arena.Rent(states), false),
                new(arena.Rent(states), false), new(arena.Rent(inputs.D.Shape), false));
            double work = 2.0 * batch * length * channels * States;
            string shape = $"B{batch} L{length} E{channels} N{States}";
            yield return new(
                "selective-scan.forward", shape, Bound.States, work,
                () => SelectiveScan.Forward(device, inputs, y, batch, null)) { PeakWork = ForwardOperations * work };
            SelectiveScan.Forward(device, inputs, y, batch, kept);
            yield return new(
                "selective-scan.backward", shape, Bound.States, work,
                () => SelectiveScan.Backward(device, inputs, kept, dy, batch, gradients)) { PeakWork = BackwardOperations * work };
        }
    }

    private static Tensor Positive(Device device, Arena arena, Shape shape)
    {
        Tensor delta = arena.Random(shape);
        Softplus.Forward(device, delta, arena.Rent(new(1, shape.Columns), clear: true), delta);
        return delta;
    }
}
