using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>How parameters are updated.</summary>
public sealed record AdamWOptions
{
    /// <summary>η, where a step is given no other.</summary>
    public double LearningRate { get; init => field = InRange(value, 0, double.MaxValue, nameof(LearningRate)); } = 1e-4;

    /// <summary>β₁, decay of the first moment.</summary>
    public double Beta1 { get; init => field = InRange(value, 0, MostDecay, nameof(Beta1)); } = 0.9;

    /// <summary>β₂, decay of the second moment.</summary>
    public double Beta2 { get; init => field = InRange(value, 0, MostDecay, nameof(Beta2)); } = 0.999;

    /// <summary>ε, added to the root of the second moment; positive, or parameters without a gradient would be 0 / 0.</summary>
    public double Epsilon { get; init => field = InRange(value, 1e-30, double.MaxValue, nameof(Epsilon)); } = 1e-8;

    /// <summary>λ, of the parameters that decay.</summary>
    public double WeightDecay { get; init => field = InRange(value, 0, double.MaxValue, nameof(WeightDecay)); }

    /// <summary>The largest norm of the gradient of all parameters together; 0 for no clipping.</summary>
    public double MaxGradientNorm { get; init => field = InRange(value, 0, float.MaxValue, nameof(MaxGradientNorm)); } = 1;

    private const double MostDecay = 1 - 1e-12;

    private static double InRange(double value, double least, double most, string name) => value >= least && value <= most
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"'{name}' lies between {least:g3} and {most:g3}.");
}

/// <summary>Updates the parameters of a store from their accumulated gradients, which it clears; see <see cref="AdamW"/>.</summary>
/// <remarks>
/// A step is launched and not waited for: clipping and the rejection of gradients that are not finite happen on the
/// device. It needs no disposal; its memory is the store's.
/// </remarks>
public sealed class AdamWOptimizer
{
    private readonly ParameterStore store;
    private readonly Tensor state;

    /// <summary>Makes an optimiser.</summary>
    /// <param name="store">What it updates, allocated for training.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="InvalidOperationException">The store has no memory, or none for gradients.</exception>
    public AdamWOptimizer(ParameterStore store, AdamWOptions? options = null)
    {
        _ = store.Values;
        if (store.Gradients is null)
        {
            throw new InvalidOperationException("The store holds no gradients; allocate it for training.");
        }

        (this.store, this.Options, this.state) = (store, options ?? new(), store.Rent(UpdateState.Shape));
    }

    /// <summary>How it updates.</summary>
    public AdamWOptions Options { get; }

    /// <summary>On the device, (1, 1): what <see cref="ReadNorm"/> waits for and reads.</summary>
    public Tensor Norm => UpdateState.Norm(this.state);

    /// <summary>Updates every parameter, and the moving average where the store keeps one, and clears the gradients.</summary>
    /// <param name="step">The number of this update, from 1.</param>
    /// <param name="learningRate">η of this update; null for that of the options.</param>
    /// <param name="emaDecay">d of this update.</param>
    /// <param name="accumulation">How many batches the gradients sum; the update is by their mean.</param>
    /// <param name="graph">Replays the update, and is used for nothing else; null to launch it each time.</param>
    public void Step(
        long step, double? learningRate = null, double emaDecay = 0, int accumulation = 1, DeviceGraph? graph = null)
    {
        UpdateState.At(
            step, learningRate ?? this.Options.LearningRate, this.Options.Beta1, this.Options.Beta2, emaDecay, accumulation)
            .Upload(this.state);
        if (graph is null)
        {
            this.Update();
        }
        else
        {
            graph.Run(this.Update);
        }

        this.store.MarkUpdated(isCopied: true);
    }

    /// <summary>Waits for the last step; the norm of its mean gradient before clipping. Not finite: the step changed nothing.</summary>
    public float ReadNorm()
    {
        float norm = 0;
        this.Norm.Download(new Span<float>(ref norm));
        return norm;
    }

    private void Update()
    {
        Device device = this.store.Device;
        SquaredNorm.Update(device, this.store.Gradients!.Value, UpdateState.SquaredNorm(this.state));
        ClipScale.Update(device, this.state, (float)this.Options.MaxGradientNorm);
        this.Update(device, 0, this.store.DecayingRows, this.Options.WeightDecay);
        this.Update(device, this.store.DecayingRows, this.store.Values.Rows - this.store.DecayingRows, 0);
    }

    private void Update(Device device, long start, long rows, double weightDecay)
    {
        if (rows > 0)
        {
            AdamW.Update(
                device, Rows(this.store.Values), Rows(this.store.Gradients!.Value), Rows(this.store.Moments1!.Value),
                Rows(this.store.Moments2!.Value), this.store.Ema is { } ema ? Rows(ema) : null, this.state,
                new(this.Options.Beta1, this.Options.Beta2, this.Options.Epsilon, weightDecay),
                this.store.ValueOperands is { } operands ? Rows(operands) : null);
        }

        Tensor Rows(Tensor buffer) => buffer.SliceRows(start, rows);
    }
}
