using System.Diagnostics;
using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using DimIlgpu.Model;

namespace DimIlgpu.Bench;

/// <summary>Time and memory of DiM-XL/2 at one batch and length.</summary>
/// <param name="Model">The network.</param>
/// <param name="Pass"><c>train</c> is a whole step, <c>train-checkpointing</c> one that computes each block's activations anew for its backward pass, <c>sample</c> one evaluation.</param>
/// <param name="Batch">Samples.</param>
/// <param name="Tokens">Tokens of a sample.</param>
/// <param name="Milliseconds">Median time; null where memory ended.</param>
/// <param name="Bytes">The most memory that was held: weights, optimiser, activations and operators.</param>
/// <param name="Error">Why there is no time.</param>
public sealed record ModelPoint(string Model, string Pass, int Batch, int Tokens, double? Milliseconds, long Bytes, string? Error);

/// <summary>A kernel's part of a training step.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Launches">How often a step launches it.</param>
/// <param name="Milliseconds">What they take together, with what the host does before the next.</param>
/// <param name="Share">Their part of the step.</param>
public sealed record KernelShare(string Kernel, int Launches, double Milliseconds, double Share);

/// <summary>Trains and evaluates DiM-XL/2 from 256 to 16,384 tokens, for GPUs.</summary>
public static class ModelSweep
{
    private const string Checkpointing = "train-checkpointing";
    private const int Runs = 5;
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(4);

    /// <summary>Batches to try at a length: half as many where memory ends.</summary>
    private static readonly (string Pass, int Batch, int Tokens)[] Points =
    [
        ("train", 64, 256), ("train", 8, 256), ("train", 8, 1024), ("train", 8, 4096), ("train", 8, 16384),
        (Checkpointing, 8, 4096), (Checkpointing, 8, 16384),
        ("sample", 64, 256), ("sample", 8, 256), ("sample", 8, 1024), ("sample", 8, 4096), ("sample", 8, 16384),
    ];

    /// <summary>Measures every point.</summary>
    /// <param name="open">Opens the device; each point has one of its own, so that what it holds is what that point needs.</param>
    /// <param name="filter">Part of a point's name, such as <c>train.b8.l4096</c>; null for all.</param>
    /// <param name="size">The network.</param>
    public static IEnumerable<ModelPoint> Run(Func<Device> open, string? filter = null, string size = "DiM-XL/2")
    {
        foreach ((string pass, int most, int tokens) in Points)
        {
            if (filter is not null && !$"{pass}.b{most}.l{tokens}".Contains(filter, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            for (int batch = most; batch >= 1; batch /= 2)
            {
                ModelPoint point;
                using (Device device = open())
                {
                    point = Measure(device, size, pass, batch, tokens);
                }

                yield return point;
                if (point.Error is null)
                {
                    break;
                }
            }
        }
    }

    /// <summary>Where the time of a training step goes: the host waits for each kernel before the next, which costs some microseconds each.</summary>
    /// <param name="device">The device, opened without graphs.</param>
    /// <param name="batch">Samples.</param>
    /// <param name="tokens">Tokens of a sample.</param>
    /// <param name="size">The network.</param>
    /// <returns>The kernels, the most expensive first.</returns>
    public static IReadOnlyList<KernelShare> Profile(Device device, int batch, int tokens, string size = "DiM-XL/2")
    {
        using DiffusionMamba network = new(Options(size, tokens), device);
        using Tape tape = new(device);
        using Arena arena = new(device);
        using DeviceGraph graph = new(device), update = new(device);
        Fill(network.Parameters.Values);
        network.Parameters.MarkUpdated();
        Action run = TrainingStep(network, tape, arena, batch, graph, update);
        run();
        run();
        device.Synchronize();
        Dictionary<string, (int Launches, TimeSpan Time)> kernels = [];
        string? running = null;
        long since = 0;
        device.Launching = kernel => Next(Device.NameOf(kernel));
        run();
        Next(null);
        device.Launching = null;
        TimeSpan whole = kernels.Values.Aggregate(TimeSpan.Zero, (sum, k) => sum + k.Time);
        return [.. kernels.Select(k => new KernelShare(k.Key, k.Value.Launches, k.Value.Time.TotalMilliseconds, k.Value.Time / whole))
            .OrderByDescending(k => k.Milliseconds)];

        void Next(string? kernel)
        {
            device.Synchronize();
            if (running is not null)
            {
                (int launches, TimeSpan time) = kernels.GetValueOrDefault(running);
                kernels[running] = (launches + 1, time + Stopwatch.GetElapsedTime(since));
            }

            (running, since) = (kernel, Stopwatch.GetTimestamp());
        }
    }

    private static DimOptions Options(string size, int tokens)
    {
        int side = 2 * (int)Math.Sqrt(tokens);
        return DimSizes.Apply(size, new() { Sample = new(1, side, side, 4), Classes = 1000, LearnsVariance = true });
    }

    private static ModelPoint Measure(Device device, string size, string pass, int batch, int tokens)
    {
        bool trains = pass != "sample";
        try
        {
            using DiffusionMamba network = new(Options(size, tokens), device, trains, ema: trains);
            using Tape tape = new(device, recording: trains);
            using Arena arena = new(device);
            using DeviceGraph graph = new(device), update = new(device);
            Fill(network.Parameters.Values);
            network.Parameters.MarkUpdated();
            Action run = trains ? TrainingStep(network, tape, arena, batch, graph, update, pass == Checkpointing) : Evaluation(network, tape, arena, batch, graph);
            double milliseconds = Median(device, run);
            return new(size, pass, batch, tokens, milliseconds, device.PeakBytes, null);
        }
        catch (DeviceMemoryException e)
        {
            return new(size, pass, batch, tokens, null, 0, e.Message);
        }
    }

    private static Action Evaluation(DiffusionMamba network, Tape tape, Arena arena, int batch, DeviceGraph graph)
    {
        (Tensor x, Tensor times, Tensor labels) = Inputs(network, arena, batch);
        return () => graph.Run(() =>
        {
            _ = network.Forward(tape, x, times, labels);
            tape.Reset();
        });
    }

    private static Action TrainingStep(
        DiffusionMamba network, Tape tape, Arena arena, int batch, DeviceGraph gradients, DeviceGraph update, bool checkpointsBlocks = false)
    {
        (Tensor x, Tensor times, Tensor labels) = Inputs(network, arena, batch);
        Tensor target = arena.Random(x.Shape), seed = arena.Random(new(batch, 1));
        AdamWOptimizer optimizer = new(network.Parameters, new());
        long step = 0;
        return () =>
        {
            gradients.Run(Differentiate);

            // No learning rate: the values, and with them the time, stay what they are.
            optimizer.Step(++step, learningRate: 0, emaDecay: 0.9999, graph: update);
        };

        void Differentiate()
        {
            NetworkOutput output = network.Forward(tape, x, times, labels, checkpointsBlocks);
            Variable loss = tape.Sum(tape.MeanSquaredError(output.Prediction, target), tape.MeanSquaredError(output.Variance!, target));
            tape.Backward(loss, seed);
            tape.Reset();
        }
    }

    private static (Tensor X, Tensor Times, Tensor Labels) Inputs(DiffusionMamba network, Arena arena, int batch)
    {
        Tensor labels = arena.Rent(new(batch, 1));
        labels.Upload([.. Enumerable.Range(1, batch)]);
        return (arena.Random(new(batch, network.Options.Sample.Length)), arena.Random(new(batch, TimestepFeatures.DefaultWidth)), labels);
    }

    // The same random rows again and again: drawing 365 million numbers takes longer than everything that is measured.
    private static void Fill(Tensor values)
    {
        const int Rows = 512;
        Random random = new(1);
        float[] some = [.. Enumerable.Range(0, Rows * values.Columns).Select(_ => 0.04f * (random.NextSingle() - 0.5f))];
        for (long row = 0; row < values.Rows; row += Rows)
        {
            int count = (int)Math.Min(Rows, values.Rows - row);
            values.SliceRows(row, count).Upload(some.AsSpan(0, count * values.Columns));
        }
    }

    private static double Median(Device device, Action run)
    {
        // The first compiles and takes memory, the second records the graph.
        run();
        run();
        device.Synchronize();
        List<double> times = [];
        long begin = Stopwatch.GetTimestamp();
        while (times.Count < Runs && (times.Count == 0 || Stopwatch.GetElapsedTime(begin) < Enough))
        {
            long start = Stopwatch.GetTimestamp();
            run();
            device.Synchronize();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        times.Sort();
        return times[times.Count / 2];
    }
}
