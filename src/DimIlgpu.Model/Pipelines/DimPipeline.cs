using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using DimIlgpu.Kernels;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Training;
using DimIlgpu.Model.Weights;

namespace DimIlgpu.Model;

/// <summary>What to generate.</summary>
public sealed record GenerationOptions
{
    /// <summary>The class of each sample; empty for <see cref="Count"/> samples of all classes in turn.</summary>
    public IReadOnlyList<int> Labels { get; init; } = [];

    /// <summary>How many samples, where no labels are given.</summary>
    public int Count
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            field = value;
        }
    } = 1;

    /// <summary>How they are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new();
}

/// <summary>A sample as raw pixels.</summary>
/// <param name="Index">Which of the samples.</param>
/// <param name="Label">Its class.</param>
/// <param name="ClassName">The name of its class.</param>
/// <param name="Frames">One image, or the frames of a clip.</param>
/// <param name="Step">Steps of the sampler done.</param>
/// <param name="Steps">Steps in all; an unfinished sample shows what the network expects so far.</param>
public sealed record GeneratedSample(int Index, int Label, string ClassName, IReadOnlyList<RawImage> Frames, int Step, int Steps)
{
    /// <summary>Whether the sample is done.</summary>
    public bool IsFinal => this.Step == this.Steps;
}

/// <summary>How far generation is.</summary>
/// <param name="Done">Samples done.</param>
/// <param name="Count">Samples in all.</param>
/// <param name="Fraction">Share of all work done, 0 to 1.</param>
public readonly record struct GenerationProgress(int Done, int Count, double Fraction);

/// <summary>A trained network, ready to generate images or clips.</summary>
/// <remarks>
/// Safe to use from any thread: calls queue on the one thread that owns the device, and can be cancelled while they wait.
/// </remarks>
public sealed class DimPipeline : IAsyncDisposable, IDisposable
{
    private readonly Device device;
    private readonly DiffusionMamba network;
    private readonly BlockingCollection<Action> queue = [];
    private readonly Thread worker;
    private bool disposed;

    private DimPipeline(Device device, DiffusionMamba network, RunConfig config, long step)
    {
        (this.device, this.network, this.Config, this.Step) = (device, network, config, step);
        this.worker = new(this.Work) { IsBackground = true, Name = "DimPipeline" };
        this.worker.Start();
    }

    /// <summary>What the network was trained with.</summary>
    public RunConfig Config { get; }

    /// <summary>Steps it was trained for.</summary>
    public long Step { get; }

    /// <summary>The device that runs it, for people.</summary>
    public string DeviceName => this.device.Name;

    /// <summary>Loads a checkpoint.</summary>
    /// <param name="checkpoint">A checkpoint file, or a run folder for its newest one.</param>
    /// <param name="device"><c>auto</c>, <c>cpu</c>, <c>opencl[:i]</c> or <c>cuda[:i]</c>.</param>
    /// <param name="options">Threads and lanes of the CPU accelerator.</param>
    /// <exception cref="FileNotFoundException">There is no such checkpoint.</exception>
    /// <exception cref="InvalidDataException">The file is no checkpoint, or damaged; the message names it and the fault.</exception>
    /// <exception cref="ArgumentException">There is no such device.</exception>
    public static DimPipeline Load(string checkpoint, string device = "auto", DeviceOptions? options = null)
    {
        string path = Find(checkpoint);
        (RunConfig config, long step) = Checkpoint.ReadHeader(path);
        Device opened = Device.Open(device, options);
        DiffusionMamba? network = null;
        try
        {
            network = new(config.Model, opened, training: false, ema: false);
            Checkpoint.ReadWeights(path, network.Parameters);
            return new(opened, network, config, step);
        }
        catch
        {
            network?.Dispose();
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Generates samples and returns them together.</summary>
    /// <param name="options">What to generate.</param>
    /// <param name="progress">Receives how far it is.</param>
    /// <param name="cancellation">Stops it within a step of the sampler.</param>
    /// <exception cref="ArgumentException">A label is not a class.</exception>
    public async Task<IReadOnlyList<GeneratedSample>> GenerateAsync(
        GenerationOptions options, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        List<GeneratedSample> samples = [];
        GenerationOptions quiet = options with { Sampling = options.Sampling with { ShowEvery = 0 } };
        await foreach (GeneratedSample sample in this.GenerateEachAsync(quiet, progress, cancellation).ConfigureAwait(false))
        {
            samples.Add(sample);
        }

        return samples;
    }

    /// <summary>Generates samples and yields each as it is done and, with <see cref="SamplingOptions.ShowEvery"/>, on its way.</summary>
    /// <inheritdoc cref="GenerateAsync"/>
    public IAsyncEnumerable<GeneratedSample> GenerateEachAsync(
        GenerationOptions options, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(this.disposed, this);
        int[] labels = this.Labels(options);
        if (this.Config.IsLatent)
        {
            throw new InvalidOperationException(
                "This network generates latents; draw them with GenerateValuesAsync and decode them with an ILatentDecoder.");
        }

        return this.Each(labels, options.Sampling, progress, cancellation);
    }

    /// <summary>Generates the values themselves, channel last: latents, or pixels in about [−1, 1].</summary>
    /// <inheritdoc cref="GenerateAsync"/>
    public async Task<TrainingSamples> GenerateValuesAsync(
        GenerationOptions options, IProgress<GenerationProgress>? progress = null, CancellationToken cancellation = default)
    {
        int[] labels = this.Labels(options);
        int length = this.Config.Model.Sample.Length;
        float[] values = new float[labels.Length * length];
        await foreach (SampleBatch batch in this.Batches(labels, options.Sampling, progress, cancellation).ConfigureAwait(false))
        {
            if (batch.IsFinal)
            {
                batch.Values.CopyTo(values.AsMemory(batch.First * length));
            }
        }

        return new(this.Step, this.Config.Model.Sample, values, labels);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!this.disposed)
        {
            this.disposed = true;
            this.queue.CompleteAdding();
            this.worker.Join();
            this.network.Dispose();
            this.device.Dispose();
            this.queue.Dispose();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => new(Task.Run(this.Dispose));

    private static string Find(string checkpoint)
    {
        if (Directory.Exists(checkpoint))
        {
            return RunFolder.Open(checkpoint).LatestCheckpoint
                ?? throw new FileNotFoundException($"The run {checkpoint} holds no checkpoint yet.", checkpoint);
        }

        return File.Exists(checkpoint)
            ? checkpoint
            : throw new FileNotFoundException($"There is no checkpoint {checkpoint}.", checkpoint);
    }

    private static List<RawImage> Frames(ReadOnlySpan<float> values, SampleShape shape)
    {
        List<RawImage> frames = [];
        int length = shape.Height * shape.Width * shape.Channels;
        for (int f = 0; f < shape.Frames; f++)
        {
            byte[] pixels = new byte[length];
            for (int i = 0; i < length; i++)
            {
                pixels[i] = (byte)Math.Clamp(MathF.Round((values[(f * length) + i] + 1) * 127.5f), 0, 255);
            }

            frames.Add(new(shape.Width, shape.Height, shape.Channels, pixels));
        }

        return frames;
    }

    private int[] Labels(GenerationOptions options)
    {
        int classes = this.Config.Model.Classes;
        int[] labels = options.Labels.Count > 0
            ? [.. options.Labels]
            : [.. Enumerable.Range(0, options.Count).Select(i => i % classes)];
        int wrong = Array.FindIndex(labels, l => l < 0 || l > classes);
        return wrong < 0 ? labels : throw new ArgumentException(
            $"Label {labels[wrong]} is no class; expected 0 to {classes - 1}, or {classes} for none.", nameof(options));
    }

    private async IAsyncEnumerable<GeneratedSample> Each(
        int[] labels, SamplingOptions options, IProgress<GenerationProgress>? progress, [EnumeratorCancellation] CancellationToken cancellation)
    {
        SampleShape shape = this.Config.Model.Sample;
        await foreach (SampleBatch batch in this.Batches(labels, options, progress, cancellation).ConfigureAwait(false))
        {
            for (int i = 0; i < batch.Values.Length / shape.Length; i++)
            {
                int label = labels[batch.First + i];
                string name = label < this.Config.Classes.Count ? this.Config.Classes[label] : "none";
                yield return new(
                    batch.First + i, label, name, Frames(batch.Values.Span.Slice(i * shape.Length, shape.Length), shape),
                    batch.Step, batch.Steps);
            }
        }
    }

    private async IAsyncEnumerable<SampleBatch> Batches(
        int[] labels, SamplingOptions options, IProgress<GenerationProgress>? progress, [EnumeratorCancellation] CancellationToken cancellation)
    {
        // The caller may leave early: that cancels what its thread would otherwise go on with.
        using CancellationTokenSource left = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Channel<SampleBatch> channel = Channel.CreateUnbounded<SampleBatch>(new() { SingleReader = true, SingleWriter = true });
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationToken token = left.Token;
        this.queue.Add(() => this.Draw(labels, options, progress, channel.Writer, done, token), cancellation);
        try
        {
            await foreach (SampleBatch batch in channel.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
            {
                yield return batch;
            }
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false);
            await done.Task.ConfigureAwait(false);
        }
    }

    private void Draw(
        int[] labels, SamplingOptions options, IProgress<GenerationProgress>? progress, ChannelWriter<SampleBatch> writer,
        TaskCompletionSource done, CancellationToken cancellation)
    {
        try
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (SampleBatch batch in new SampleDrawer(this.network, this.Config).Draw(labels, options, cancellation))
            {
                int size = Math.Min(options.BatchSize, labels.Length - batch.First);
                int finished = batch.First + (batch.IsFinal ? size : 0);
                double fraction = (batch.First + (size * (double)batch.Step / batch.Steps)) / labels.Length;
                progress?.Report(new(finished, labels.Length, fraction));
                if (batch.Values.Length > 0)
                {
                    _ = writer.TryWrite(batch);
                }
            }

            writer.Complete();
        }
        catch (Exception e)
        {
            // Surfaces in the caller's enumeration; the worker goes on with the next call.
            writer.Complete(e);
        }
        finally
        {
            done.SetResult();
        }
    }

    private void Work()
    {
        foreach (Action action in this.queue.GetConsumingEnumerable())
        {
            action();
        }
    }
}
