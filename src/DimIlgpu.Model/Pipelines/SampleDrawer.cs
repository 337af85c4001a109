using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Model;

/// <summary>Some samples, finished or on their way.</summary>
/// <param name="First">Index of the first.</param>
/// <param name="Values">Channel last, one after another.</param>
/// <param name="Step">Steps of the sampler done.</param>
/// <param name="Steps">Steps in all.</param>
internal sealed record SampleBatch(int First, ReadOnlyMemory<float> Values, int Step, int Steps)
{
    public bool IsFinal => this.Step == this.Steps;
}

/// <summary>Draws samples from a network, a batch at a time.</summary>
internal sealed class SampleDrawer(DiffusionMamba network, RunConfig config)
{
    public IEnumerable<SampleBatch> Draw(IReadOnlyList<int> labels, SamplingOptions options, CancellationToken cancellation)
    {
        SampleShape shape = config.Model.Sample;
        ISampler sampler = config.Diffusion.CreateSampler(options.Sampler, options.Steps, options.Eta, config.IsLatent ? 0 : 1);
        for (int first = 0; first < labels.Count; first += options.BatchSize)
        {
            int[] batch = [.. labels.Skip(first).Take(options.BatchSize)];
            using Arena arena = new(network.Device);
            using NetworkDenoiser inner = new(network, batch, cancellation);
            using GuidedDenoiser denoiser = new(network.Device, inner, options.Guidance, shape.Channels);
            Tensor x = arena.Rent(new(batch.Length, shape.Length));

            // Batches differ by their place, so that a sample does not repeat in the next batch.
            ulong seed = options.Seed + ((ulong)(first / options.BatchSize) << 32);
            SamplerExtensions.Begin(x, seed);
            Pace pace = new(network.Device);
            foreach (SamplingStep step in sampler.Sample(denoiser, x, seed))
            {
                pace.Step();
                cancellation.ThrowIfCancellationRequested();
                bool final = step.Number == step.Count;
                if (final || (options.ShowEvery > 0 && step.Number % options.ShowEvery == 0))
                {
                    yield return new(first, (final ? step.X : step.Denoised).ToArray(), step.Number, step.Count);
                }
                else
                {
                    yield return new(first, default, step.Number, step.Count);
                }
            }

            network.Device.Synchronize();
        }
    }

    /// <summary>The network with the labels of a batch; twice as many rows are labelled first, then not.</summary>
    private sealed class NetworkDenoiser : IDenoiser, IDisposable
    {
        private readonly DiffusionMamba network;
        private readonly Arena arena;
        private readonly Tape tape;
        private readonly DeviceGraph graph;
        private readonly Tensor labels, features;
        private readonly float[] times, values;
        private readonly CancellationToken cancellation;

        public NetworkDenoiser(DiffusionMamba network, int[] labels, CancellationToken cancellation)
        {
            int rows = 2 * labels.Length;
            this.cancellation = cancellation;
            (this.network, this.arena, this.tape) = (network, new(network.Device, 1 << 16), new(network.Device, recording: false));
            this.graph = new(network.Device);
            this.labels = this.arena.Rent(new(rows, 1));
            this.labels.Upload([.. labels, .. Enumerable.Repeat(network.Options.Classes, labels.Length)]);
            this.features = this.arena.Rent(new(rows, TimestepFeatures.DefaultWidth));
            (this.times, this.values) = (new float[rows], new float[rows * TimestepFeatures.DefaultWidth]);
        }

        public bool LearnsVariance => this.network.Options.LearnsVariance;

        public void Predict(Tensor x, NoiseLevel level, Tensor times, Tensor prediction, Tensor? variance)
        {
            Array.Fill(this.times, (float)level.Time);
            TimestepFeatures.Write(this.times, this.values);
            this.features.Upload(this.values);
            this.network.Device.Cancellation = this.cancellation;
            try
            {
                this.graph.Run(
                    (x, prediction, variance, this.network.Parameters.Version), () => this.Evaluate(x, prediction, variance));
            }
            finally
            {
                this.network.Device.Cancellation = default;
            }
        }

        public void Dispose()
        {
            this.network.Device.Synchronize();
            this.graph.Dispose();
            this.tape.Dispose();
            this.arena.Dispose();
        }

        private void Evaluate(Tensor x, Tensor prediction, Tensor? variance)
        {
            int rows = checked((int)x.Rows);
            try
            {
                NetworkOutput output = this.network.Forward(this.tape, x, this.features.SliceRows(0, rows), this.labels.SliceRows(0, rows));
                prediction.CopyFrom(output.Prediction.Value);
                if (variance is { } v)
                {
                    v.CopyFrom(output.Variance!.Value);
                }
            }
            finally
            {
                this.tape.Reset();
            }
        }
    }
}
