using DimIlgpu.Kernels;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;

namespace DimIlgpu.Model.Training;

/// <summary>The device memory that every step of training fills anew from the host.</summary>
internal sealed class TrainingMemory : IDisposable
{
    private readonly Arena arena;
    private readonly float[] features;

    public TrainingMemory(Device device, int batch, int length, int parts)
    {
        this.arena = new(device, blockLength: 1 << 16);
        this.features = new float[batch * TimestepFeatures.DefaultWidth];
        this.Sample = this.arena.Rent(new(batch, length));
        this.Features = this.arena.Rent(new(batch, TimestepFeatures.DefaultWidth));
        this.Labels = this.arena.Rent(new(batch, 1));
        this.NoiseState = this.arena.Rent(new(1, 4));
        this.Noising = this.arena.Rent(new(batch, Mix.Width));
        this.Target = this.arena.Rent(new(batch, Mix.Width));
        this.Weights = this.arena.Rent(new(batch, Mix.Width));
        this.Bound = this.arena.Rent(new(batch, VariationalBound.Width));
        this.Seed = this.arena.Rent(new(batch, 1));
        this.Losses = this.arena.Rent(new(batch, 1));
        this.Results = this.arena.Rent(new(((long)parts * batch) + 1, 1));
        this.Seed.Upload([.. Enumerable.Repeat(1f / batch, batch)]);
    }

    /// <summary>x₀, (B, n).</summary>
    public Tensor Sample { get; }

    /// <summary>The sinusoids of the times, (B, 256).</summary>
    public Tensor Features { get; }

    /// <summary>Classes, (B, 1).</summary>
    public Tensor Labels { get; }

    /// <summary>Seed and stream of the noise.</summary>
    public Tensor NoiseState { get; }

    /// <summary>Coefficients of x₀ and ε in the noisy sample.</summary>
    public Tensor Noising { get; }

    /// <summary>Coefficients of x₀ and ε in the target.</summary>
    public Tensor Target { get; }

    /// <summary>Weights of the parts of the loss.</summary>
    public Tensor Weights { get; }

    /// <summary>Coefficients of the variational bound.</summary>
    public Tensor Bound { get; }

    /// <summary>1/B: the gradient of the mean of the losses.</summary>
    public Tensor Seed { get; }

    /// <summary>The losses of the samples of one part, (B, 1).</summary>
    public Tensor Losses { get; }

    /// <summary>What the host reads of a step: the losses of all parts, and the norm of the gradient.</summary>
    public Tensor Results { get; }

    /// <summary>Puts the losses of a part among the results.</summary>
    public void KeepLosses(int part) => this.Results.SliceRows(part * this.Losses.Rows, this.Losses.Rows).CopyFrom(this.Losses);

    /// <summary>Puts the norm of the gradient among the results.</summary>
    public void KeepNorm(Tensor norm) => this.Results.SliceRows(this.Results.Rows - 1, 1).CopyFrom(norm);

    /// <summary>Uploads one batch with its random choices.</summary>
    public void Upload(Batch batch, ReadOnlySpan<int> labels, TrainingDraw draw, ulong seed, ulong stream)
    {
        this.Sample.Upload(batch.Values.AsSpan(0, (int)this.Sample.Shape.Length));
        this.Labels.Upload(labels);
        TimestepFeatures.Write(draw.Times.Span, this.features);
        this.Features.Upload(this.features);
        this.NoiseState.Upload(RandomSequence.State(seed, stream));
        this.Noising.Upload(draw.Noising.Span);
        this.Target.Upload(draw.Target.Span);
        this.Weights.Upload(draw.Losses.Span);
        if (!draw.Bound.IsEmpty)
        {
            this.Bound.Upload(draw.Bound.Span);
        }
    }

    public void Dispose() => this.arena.Dispose();
}
