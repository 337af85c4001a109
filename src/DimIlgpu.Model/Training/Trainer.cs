using System.Diagnostics;
using DimIlgpu.Kernels;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Weights;

namespace DimIlgpu.Model.Training;

/// <summary>Trains a network on a data set, in a run folder; a run killed at any moment goes on from its last checkpoint.</summary>
/// <remarks>
/// Everything random is a function of the seed and the step, so equal seeds give equal bits on one device, whether or
/// not the run was interrupted. A trainer is used by one thread at a time.
/// </remarks>
public sealed class Trainer : IDisposable
{
    private const int SamplesPerClass = 4, MostSamples = 64;

    private readonly RunFolder folder;
    private readonly IDataSet data;
    private readonly Learner learner;

    private Trainer(RunFolder folder, IDataSet data, Device device)
    {
        (this.folder, this.data) = (folder, data);
        CheckFit(folder.Config, data);
        this.learner = new(folder.Config, device);
    }

    /// <summary>The network that is trained.</summary>
    public DiffusionMamba Network => this.learner.Network;

    /// <summary>Steps done.</summary>
    public long Step { get; private set; }

    private TrainingOptions Options => this.folder.Config.Training;

    /// <summary>Starts a run, or goes on with the one in the folder.</summary>
    /// <param name="folder">The run.</param>
    /// <param name="data">What to train on; the same as before where the run goes on.</param>
    /// <param name="device">Where to train.</param>
    /// <exception cref="ArgumentException">The data set does not fit the configuration.</exception>
    /// <exception cref="InvalidDataException">The last checkpoint cannot be read.</exception>
    public static Trainer Open(RunFolder folder, IDataSet data, Device device)
    {
        Trainer trainer = new(folder, data, device);
        try
        {
            if (folder.LatestCheckpoint is { } checkpoint)
            {
                trainer.Step = Checkpoint.ReadAll(checkpoint, trainer.Network.Parameters);
                folder.TruncateMetrics(trainer.Step);
            }
            else
            {
                trainer.Network.Initialize(folder.Config.Training.Seed);
                folder.TruncateMetrics(0);
            }

            return trainer;
        }
        catch
        {
            trainer.Dispose();
            throw;
        }
    }

    /// <summary>Trains until all steps are done, or until cancelled: then the work so far is saved first.</summary>
    /// <param name="observer">Watches; null for none.</param>
    /// <param name="cancellation">Ends training after the step in hand.</param>
    /// <exception cref="NonFiniteLossException">The loss became infinite or not a number.</exception>
    /// <exception cref="OperationCanceledException">Training was cancelled; a checkpoint holds the steps done.</exception>
    /// <exception cref="IOException">A checkpoint could not be written.</exception>
    public Task RunAsync(ITrainingObserver? observer = null, CancellationToken cancellation = default) =>
        Task.Factory.StartNew(
            () => this.Run(observer, cancellation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Draws guided samples of the moving average, a few of each class.</summary>
    /// <param name="labels">The class of each sample.</param>
    /// <param name="seed">Tells draws apart.</param>
    /// <param name="cancellation">Stops between the sampler's steps.</param>
    public TrainingSamples Sample(IReadOnlyList<int> labels, ulong seed, CancellationToken cancellation = default)
    {
        SampleShape shape = this.folder.Config.Model.Sample;
        float[] values = new float[labels.Count * shape.Length];
        using (this.Network.Parameters.UseEma())
        {
            SampleDrawer drawer = new(this.Network, this.folder.Config);
            foreach (SampleBatch batch in drawer.Draw(labels, new() { Seed = seed }, cancellation).Where(b => b.IsFinal))
            {
                batch.Values.CopyTo(values.AsMemory(batch.First * shape.Length));
            }
        }

        return new(this.Step, shape, values, labels);
    }

    /// <inheritdoc/>
    public void Dispose() => this.learner.Dispose();

    /// <summary>The classes of the samples that are drawn while a run goes on.</summary>
    internal static int[] GridLabels(RunConfig config)
    {
        int classes = config.Model.Classes, each = Math.Clamp(MostSamples / classes, 1, SamplesPerClass);
        return [.. Enumerable.Range(0, Math.Min(classes, MostSamples)).SelectMany(c => Enumerable.Repeat(c, each))];
    }

    private static void CheckFit(RunConfig config, IDataSet data)
    {
        if (data.Shape != config.Model.Sample)
        {
            throw new ArgumentException($"{data.Name} holds samples of {data.Shape}; the network expects {config.Model.Sample}.", nameof(data));
        }

        if (data.Classes.Count != config.Model.Classes)
        {
            throw new ArgumentException(
                $"{data.Name} has {data.Classes.Count} classes; the network expects {config.Model.Classes}.", nameof(data));
        }

        if (config.Model.LearnsVariance && config.Diffusion.Objective != ObjectiveKind.Epsilon)
        {
            throw new ArgumentException(
                $"A learned variance goes with the epsilon objective only; this run predicts {config.Diffusion.Objective}.", nameof(config));
        }
    }

    private void Run(ITrainingObserver? observer, CancellationToken cancellation)
    {
        long first = this.Step, saved = this.folder.LatestCheckpoint is null ? -1 : this.Step;
        Stopwatch clock = Stopwatch.StartNew();
        using BatchLoader loader = new(this.data, new()
        {
            BatchSize = this.Options.BatchSize,
            Seed = this.Options.Seed,
            HorizontalFlip = this.Options.HorizontalFlip && this.data.AllowsHorizontalFlip,
        }, this.Step * this.Options.Accumulate);

        while (this.Step < this.Options.Steps && !cancellation.IsCancellationRequested)
        {
            if (this.Learn(loader, cancellation) is not (double loss, double norm))
            {
                break;
            }

            if (!double.IsFinite(loss) || !double.IsFinite(norm))
            {
                throw new NonFiniteLossException(this.Step + 1, this.folder.LatestCheckpoint);
            }

            this.Step++;
            double perStep = clock.Elapsed.TotalSeconds / (this.Step - first);
            TrainingStep report = new(
                this.Step, this.Options.Steps, loss, norm, this.Options.LearningRateAt(this.Step),
                this.Options.BatchSize * this.Options.Accumulate / perStep, clock.Elapsed)
            {
                Remaining = TimeSpan.FromSeconds(perStep * (this.Options.Steps - this.Step)),
            };
            this.folder.Append(report);
            observer?.OnStep(report);

            bool last = this.Step == this.Options.Steps;
            if (last || this.Step % this.Options.CheckpointEvery == 0)
            {
                saved = this.Save(observer);
            }

            if (last || (this.Options.SampleEvery > 0 && this.Step % this.Options.SampleEvery == 0))
            {
                this.DrawGrid(observer, cancellation);
            }
        }

        if (saved != this.Step)
        {
            _ = this.Save(observer);
        }

        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>One step; its loss and the norm of its gradient, or null where it was cancelled before anything changed.</summary>
    private (double Loss, double Norm)? Learn(BatchLoader loader, CancellationToken cancellation)
    {
        try
        {
            for (int part = 0; part < this.Options.Accumulate; part++)
            {
                this.learner.Add(loader.Next(CancellationToken.None), this.Step, part, cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            return null;
        }

        this.learner.Update(this.Step + 1);
        return this.learner.Read();
    }

    private long Save(ITrainingObserver? observer)
    {
        string path = this.folder.CheckpointPath(this.Step);
        Checkpoint.Write(path, this.folder.Config, this.Step, this.Network.Parameters);
        this.folder.KeepNewest(this.Options.KeepCheckpoints);
        observer?.OnCheckpoint(this.Step, path);
        return this.Step;
    }

    private void DrawGrid(ITrainingObserver? observer, CancellationToken cancellation)
    {
        if (observer is null)
        {
            return;
        }

        try
        {
            observer.OnSamples(this.Sample(GridLabels(this.folder.Config), this.Options.Seed, cancellation));
        }
        catch (OperationCanceledException)
        {
            // The checkpoint matters more than the picture; the caller's loop ends and saves.
        }
    }
}
