using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Model;

/// <summary>The bytes of device memory that training or sampling takes.</summary>
/// <remarks>
/// Nothing is estimated: a step is done on <see cref="Device.Plan"/>, by the code that does it on a real device, and what
/// it takes is counted. What the driver keeps for itself, some hundred MiB on a GPU, comes on top.
/// </remarks>
public sealed record MemoryPlan
{
    /// <summary>The weights, and what products read instead: a copy in bf16, or on a CPU a packed one where no gradient is wanted.</summary>
    public long Weights { get; private init; }

    /// <summary>The gradients of the weights.</summary>
    public long Gradients { get; private init; }

    /// <summary>The two moments of the optimiser.</summary>
    public long Moments { get; private init; }

    /// <summary>The moving average of the weights.</summary>
    public long Average { get; private init; }

    /// <summary>Activations of a step, and their gradients.</summary>
    public long Activations { get; private init; }

    /// <summary>Memory of single operators.</summary>
    public long Scratch { get; private init; }

    /// <summary>Tables, and what is uploaded for a step.</summary>
    public long Inputs { get; private init; }

    /// <summary>What drawing the grid of samples takes while training waits for it.</summary>
    public long Grid { get; private init; }

    /// <summary>The most bytes that are held at once.</summary>
    public long Total { get; private init; }

    /// <summary>Does a step of training, and draws the grid of samples.</summary>
    /// <param name="config">The run; nothing is read or written.</param>
    /// <param name="device">A fresh device: a planned one, unless the memory is really to be taken.</param>
    /// <exception cref="ArgumentException">The options do not fit each other.</exception>
    /// <exception cref="DeviceMemoryException">A real device has no room.</exception>
    public static MemoryPlan OfTraining(RunConfig config, Device device)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(device);
        using Learner learner = new(config, device);
        int batch = config.Training.BatchSize;
        for (int part = 0; part < config.Training.Accumulate; part++)
        {
            learner.Add(new(0, new float[(long)batch * config.Model.Sample.Length], new int[batch]), 0, part, CancellationToken.None);
        }

        learner.Update(step: 1);
        ParameterStore store = learner.Network.Parameters;
        long held = device.HeldBytes, scratch = device.ScratchBytes, parameters = store.HeldBytes;
        using (store.UseEma())
        {
            Draw(new(learner.Network, config), Trainer.GridLabels(config), new());
        }

        long gradients = Bytes(store.Gradients), moments = Bytes(store.Moments1) + Bytes(store.Moments2), average = Bytes(store.Ema);
        return new()
        {
            Weights = parameters - gradients - moments - average,
            Gradients = gradients,
            Moments = moments,
            Average = average,
            Activations = learner.TapeBytes,
            Scratch = scratch,
            Inputs = held - parameters - learner.TapeBytes - scratch,
            Grid = device.PeakBytes - held,
            Total = device.PeakBytes,
        };
    }

    /// <summary>Draws a batch of samples with guidance.</summary>
    /// <param name="config">The run that the network comes from.</param>
    /// <param name="batch">Samples drawn at once; guidance evaluates the network on twice as many.</param>
    /// <param name="device">A fresh device: a planned one, unless the memory is really to be taken.</param>
    /// <exception cref="ArgumentException">The options do not fit each other.</exception>
    /// <exception cref="DeviceMemoryException">A real device has no room.</exception>
    public static MemoryPlan OfSampling(RunConfig config, int batch, Device device)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        using DiffusionMamba network = new(config.Model, device, training: false, ema: false);
        Draw(new(network, config), new int[batch], new() { BatchSize = batch });

        // Freed by now: the tape, and what is uploaded for a run of the sampler.
        long held = device.HeldBytes, weights = network.Parameters.HeldBytes, scratch = device.ScratchBytes;
        return new()
        {
            Weights = weights,
            Activations = device.PeakBytes - held,
            Scratch = scratch,
            Inputs = held - weights - scratch,
            Total = device.PeakBytes,
        };
    }

    private static void Draw(SampleDrawer drawer, int[] labels, SamplingOptions options)
    {
        foreach (SampleBatch _ in drawer.Draw(labels, options, CancellationToken.None))
        {
        }
    }

    private static long Bytes(Tensor? buffer) => (buffer?.Shape.Length ?? 0) * sizeof(float);
}
