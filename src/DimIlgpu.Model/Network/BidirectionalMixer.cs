using DimIlgpu.Autograd;
using DimIlgpu.Kernels;

namespace DimIlgpu.Model;

/// <summary>The bidirectional Mamba mixer: one projection in, a selective scan in each direction, one projection out.</summary>
/// <remarks>
/// (x, z) = in_proj(h); for each direction o: u = SiLU(conv_o(x)), (δ, B, C) = x_proj_o(u), Δ = softplus(dt_proj_o(δ) + bias_o),
/// y_o = scan_o(u, Δ, A_o, B, C, D_o); out_proj((y_forward + y_backward) ⊙ SiLU(z)).
/// Both directions are stacked by rows: parameters of the forward one come first.
/// </remarks>
internal sealed class BidirectionalMixer
{
    private readonly ParameterStore store;
    private readonly DimOptions options;
    private readonly Parameter inProjection, convolution, convolutionBias, xProjection, deltaProjection, deltaBias;
    private readonly Parameter aLog, d, outProjection;

    public BidirectionalMixer(ParameterStore store, string name, DimOptions options)
    {
        (this.store, this.options) = (store, options);
        int e = options.Channels, r = options.DeltaRank, n = options.States;
        this.inProjection = store.Declare($"{name}.in_proj.weight", new(2 * e, options.Width));
        this.convolution = store.Declare($"{name}.conv.weight", new(2 * options.ConvolutionWidth, e));
        this.convolutionBias = store.Declare($"{name}.conv.bias", new(2, e), decays: false);
        this.xProjection = store.Declare($"{name}.x_proj.weight", new(2 * (r + (2 * n)), e));
        this.deltaProjection = store.Declare($"{name}.dt_proj.weight", new(2 * e, r));
        this.deltaBias = store.Declare($"{name}.dt_proj.bias", new(2, e), decays: false);
        this.aLog = store.Declare($"{name}.A_log", new(2 * n, e), decays: false);
        this.d = store.Declare($"{name}.D", new(2, e), decays: false);
        this.outProjection = store.Declare($"{name}.out_proj.weight", new(options.Width, e));
    }

    /// <summary>Multiply-adds per token, without the scan.</summary>
    public static long MultiplyAdds(DimOptions o) =>
        ((long)o.Width * 2 * o.Channels) + (2L * o.ConvolutionWidth * o.Channels) +
        (2L * o.Channels * (o.DeltaRank + (2 * o.States))) + (2L * o.DeltaRank * o.Channels) + ((long)o.Channels * o.Width);

    public Variable Forward(Tape tape, Variable h, int batch)
    {
        int e = this.options.Channels, r = this.options.DeltaRank, n = this.options.States;
        int length = checked((int)(h.Value.Rows / batch));

        Variable xz = tape.Linear(h, this.Use(tape, this.inProjection));
        Variable x = xz.Columns(0, e), z = xz.Columns(e, e);
        Variable u = tape.CausalConvolution(x, this.Use(tape, this.convolution), this.Use(tape, this.convolutionBias), length);
        Variable projected = tape.Linear(u, this.Use(tape, this.xProjection), batch: 2);
        Variable b = projected.Columns(r, n), c = projected.Columns(r + n, n);
        Variable delta = tape.Linear(
            projected.Columns(0, r), this.Use(tape, this.deltaProjection), this.Use(tape, this.deltaBias), batch: 2,
            activation: Activation.Softplus);
        Variable y = tape.SelectiveScan(u, delta, this.Use(tape, this.aLog), b, c, this.Use(tape, this.d), batch);
        return tape.Linear(tape.SumGate(y, z, this.options.DivideOut), this.Use(tape, this.outProjection));
    }

    /// <summary>The initialisation that a state-space layer needs, after every general one.</summary>
    public void Initialize(RandomSequence random)
    {
        int e = this.options.Channels, n = this.options.States;
        float tap = MathF.Pow(this.options.ConvolutionWidth, -0.5f), rank = MathF.Pow(this.options.DeltaRank, -0.5f);
        this.convolution.Fill(() => random.Uniform(tap));
        this.convolutionBias.Fill(() => random.Uniform(tap));
        this.deltaProjection.Fill(() => random.Uniform(rank));

        // softplus(bias) is log-uniform between 0.001 and 0.1; its inverse is Δ + ln(1 − e^−Δ).
        this.deltaBias.Fill(() =>
        {
            double delta = Math.Max(Math.Exp(Math.Log(0.001) + (random.NextDouble() * (Math.Log(0.1) - Math.Log(0.001)))), 1e-4);
            return (float)(delta + Math.Log(-double.ExpM1(-delta)));
        });
        int i = 0;
        this.aLog.Fill(() => MathF.Log((i++ / e % n) + 1));
        this.d.Fill(() => 1f);
    }

    private Variable Use(Tape tape, Parameter parameter) => this.store.Use(tape, parameter);
}
