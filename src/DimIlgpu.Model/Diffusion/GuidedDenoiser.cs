using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>Applies <see cref="Guidance"/> to a network that knows the labels of its rows.</summary>
/// <remarks>
/// Where guidance applies the inner denoiser is given 2B rows in one call, so that a GPU is filled: first the B
/// conditional ones, then the same B to be taken without a label. Elsewhere it is given the B conditional rows alone,
/// which costs half. The variance is the conditional one.
/// </remarks>
public sealed class GuidedDenoiser : IDenoiser, IDisposable
{
    private readonly IDenoiser inner;
    private readonly Guidance guidance;
    private readonly int channels;
    private readonly Arena arena;
    private readonly Tensor coefficients;
    private readonly Arena work;

    /// <summary>Guides a network.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="inner">The network.</param>
    /// <param name="guidance">How.</param>
    /// <param name="channels">Channels of a sample, stored last.</param>
    public GuidedDenoiser(Device device, IDenoiser inner, Guidance guidance, int channels)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentNullException.ThrowIfNull(guidance);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        (this.inner, this.guidance, this.channels) = (inner, guidance, channels);
        this.arena = new(device, blockLength: 64);
        this.work = new(device);
        this.coefficients = this.arena.Rent(new(1, Mix.Width));
        this.coefficients.Upload([(float)guidance.Scale, (float)(1 - guidance.Scale), 0f, 0f, 0f]);
    }

    /// <inheritdoc/>
    public bool LearnsVariance => this.inner.LearnsVariance;

    /// <inheritdoc/>
    public void Predict(Tensor x, NoiseLevel level, Tensor times, Tensor prediction, Tensor? variance)
    {
        if (!this.guidance.AppliesAt(level))
        {
            this.inner.Predict(x, level, times, prediction, variance);
            return;
        }

        using ArenaScope scope = this.work.Scope();
        long rows = x.Rows;
        Tensor twice = this.Twice(x), twiceTimes = this.Twice(times), both = this.work.Rent(twice.Shape);
        Tensor? variances = variance is null ? null : this.work.Rent(twice.Shape);
        this.inner.Predict(twice, level, twiceTimes, both, variances);
        Tensor conditional = both.SliceRows(0, rows), unconditional = both.SliceRows(rows, rows);
        variance?.CopyFrom(variances!.Value.SliceRows(0, rows));
        if (this.guidance.Channels == GuidedChannels.FirstThree && this.channels > 3)
        {
            prediction.CopyFrom(conditional);
            (conditional, unconditional, prediction) =
                (this.FirstThree(conditional), this.FirstThree(unconditional), this.FirstThree(prediction));
        }

        Mix.Forward(x.Device, [conditional, unconditional], this.coefficients, prediction);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        this.work.Dispose();
        this.arena.Dispose();
    }

    private Tensor Twice(Tensor x)
    {
        Tensor twice = this.work.Rent(new(2 * x.Rows, x.Columns));
        twice.SliceRows(0, x.Rows).CopyFrom(x);
        twice.SliceRows(x.Rows, x.Rows).CopyFrom(x);
        return twice;
    }

    private Tensor FirstThree(Tensor x) =>
        x.Reshape(new(x.Shape.Length / this.channels, this.channels)).Slice(0, 3);
}
