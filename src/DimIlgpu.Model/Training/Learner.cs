using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;

namespace DimIlgpu.Model.Training;

/// <summary>The steps of training, without the run around them.</summary>
/// <remarks>
/// A step uploads its batch, launches, and downloads once: its losses and the norm of its gradient. What it launches is
/// the same in every step, so that a GPU replays it.
/// </remarks>
internal sealed class Learner : IDisposable
{
    // Random draws of a step are told apart by their slot; 0 is the noise of the device.
    private const int DrawSlot = 1, DropoutSlot = 2;

    private readonly RunConfig config;
    private readonly Device device;
    private readonly IObjective objective;
    private readonly AdamWOptimizer optimizer;
    private readonly Tape tape;
    private readonly TrainingMemory memory;
    private readonly DeviceGraph gradients, update;
    private readonly float[] results;

    public Learner(RunConfig config, Device device)
    {
        (this.config, this.device) = (config, device);
        this.objective = config.Diffusion.CreateObjective();
        this.Network = new(config.Model, device);
        this.optimizer = new(this.Network.Parameters, new()
        {
            LearningRate = config.Training.LearningRate,
            Beta2 = Math.Min(config.Training.Beta2, 0.999999),
            WeightDecay = config.Training.WeightDecay,
            MaxGradientNorm = config.Training.MaxGradientNorm,
        });
        this.tape = new(device);
        this.memory = new(device, config.Training.BatchSize, config.Model.Sample.Length, config.Training.Accumulate);
        (this.gradients, this.update) = (new(device), new(device));
        this.results = new float[this.memory.Results.Rows];
    }

    public DiffusionMamba Network { get; }

    /// <summary>Bytes of the activations of a step and of their gradients.</summary>
    public long TapeBytes => this.tape.HeldBytes;

    private TrainingOptions Options => this.config.Training;

    /// <summary>Adds the gradients of one part of a step's batch.</summary>
    /// <param name="batch">The samples.</param>
    /// <param name="step">Steps done before this one.</param>
    /// <param name="part">Which part, from 0.</param>
    /// <param name="cancellation">
    /// Gives the step up, between two launches where they are not replayed: nothing but the gradients has changed yet.
    /// </param>
    /// <exception cref="OperationCanceledException">The step was given up, and all its gradients are cleared.</exception>
    public void Add(Batch batch, long step, int part, CancellationToken cancellation)
    {
        ulong stream = (ulong)((step * this.Options.Accumulate) + part);
        TrainingDraw draw = new(this.objective, new RandomSequence(this.Options.Seed, stream, DrawSlot), this.Options.BatchSize);
        this.memory.Upload(batch, this.Drop(batch.Labels, stream), draw, this.Options.Seed, stream);
        this.device.Cancellation = cancellation;
        try
        {
            this.gradients.Run(this.Differentiate);
        }
        catch (OperationCanceledException)
        {
            this.device.Cancellation = default;
            this.Network.Parameters.Gradients!.Value.Clear();
            throw;
        }
        finally
        {
            this.device.Cancellation = default;
        }

        this.memory.KeepLosses(part);
    }

    /// <summary>Updates the parameters from the gradients of all parts.</summary>
    /// <param name="step">The number of the update, from 1.</param>
    public void Update(long step)
    {
        this.optimizer.Step(
            step, this.Options.LearningRateAt(step), this.Options.EmaDecayAt(step), this.Options.Accumulate, this.update);
        this.memory.KeepNorm(this.optimizer.Norm);
    }

    /// <summary>Waits for the step; its mean loss, and the norm of its gradient before clipping.</summary>
    public (double Loss, double Norm) Read()
    {
        this.memory.Results.Download(this.results);
        int size = this.Options.BatchSize;
        double sum = 0;
        for (int part = 0; part < this.Options.Accumulate; part++)
        {
            sum += this.results.Skip(part * size).Take(size).Sum(l => (double)l) / size;
        }

        return (sum / this.Options.Accumulate, this.results[^1]);
    }

    public void Dispose()
    {
        this.device.Synchronize();
        this.gradients.Dispose();
        this.update.Dispose();
        this.memory.Dispose();
        this.tape.Dispose();
        this.Network.Dispose();
    }

    private void Differentiate()
    {
        try
        {
            Variable loss = this.Loss();
            this.tape.Backward(loss, this.memory.Seed);
            this.memory.Losses.CopyFrom(loss.Value);
        }
        finally
        {
            this.tape.Reset();
        }
    }

    /// <summary>x_t = a x₀ + s ε; the loss of each sample between the network's prediction and the target.</summary>
    private Variable Loss()
    {
        Tensor sample = this.memory.Sample, noise = this.tape.Rent(sample.Shape), noisy = this.tape.Rent(sample.Shape);
        Noise.Normal(this.device, this.memory.NoiseState, 0, noise);
        Mix.Forward(this.device, [sample, noise], this.memory.Noising, noisy);
        NetworkOutput output = this.Network.Forward(
            this.tape, noisy, this.memory.Features, this.memory.Labels, this.Options.CheckpointBlocks);
        if (output.Variance is { } variance)
        {
            return DiffusionLoss.Of(this.tape, output.Prediction, variance, sample, noise, this.memory.Weights, this.memory.Bound);
        }

        Tensor target = this.tape.Rent(sample.Shape);
        Mix.Forward(this.device, [sample, noise], this.memory.Target, target);
        return DiffusionLoss.Of(this.tape, output.Prediction, target, this.memory.Weights);
    }

    private int[] Drop(int[] labels, ulong stream)
    {
        RandomSequence random = new(this.Options.Seed, stream, DropoutSlot);
        int none = this.config.Model.Classes;
        return [.. labels.Select(l => random.NextDouble() < this.Options.LabelDropout ? none : l)];
    }
}
