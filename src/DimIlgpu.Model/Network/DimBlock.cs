using DimIlgpu.Autograd;
using DimIlgpu.Kernels;

namespace DimIlgpu.Model;

/// <summary>A block: x ← x + gate ⊙ Mixer(LayerNorm(x) ⊙ (1 + scale) + shift), and the same for the MLP where there is one.</summary>
/// <remarks>These sums and norms are <see cref="ResidualStream"/>'s, which does a sum and the norm that follows in one pass.</remarks>
internal sealed class DimBlock
{
    private readonly ParameterStore store;
    private readonly DimOptions options;
    private readonly BidirectionalMixer mixer;
    private readonly Parameter? modulation, modulationBias, mlpIn, mlpInBias, mlpOut, mlpOutBias;

    public DimBlock(ParameterStore store, string name, DimOptions options)
    {
        (this.store, this.options) = (store, options);
        int d = options.Width, chunks = Chunks(options);
        if (chunks > 0)
        {
            this.modulation = store.Declare($"{name}.adaLN.weight", new(chunks * d, d));
            this.modulationBias = store.Declare($"{name}.adaLN.bias", new(1, chunks * d), decays: false);
        }

        this.mixer = new(store, $"{name}.mixer", options);
        if (options.MlpWidth > 0)
        {
            this.mlpIn = store.Declare($"{name}.mlp.fc1.weight", new(options.MlpWidth, d));
            this.mlpInBias = store.Declare($"{name}.mlp.fc1.bias", new(1, options.MlpWidth), decays: false);
            this.mlpOut = store.Declare($"{name}.mlp.fc2.weight", new(d, options.MlpWidth));
            this.mlpOutBias = store.Declare($"{name}.mlp.fc2.bias", new(1, d), decays: false);
        }
    }

    /// <summary>(shift, scale, gate) for the mixer and, where there is one, the MLP.</summary>
    public static int Chunks(DimOptions options) => options.Conditioning == Conditioning.Token ? 0 : options.MlpWidth > 0 ? 6 : 3;

    /// <summary>What the block adds to the residual stream: the mixer and, where there is one, the MLP.</summary>
    /// <param name="tape">Where to record.</param>
    /// <param name="condition">SiLU(c), (B, D).</param>
    public IEnumerable<Branch> Branches(Tape tape, Variable condition)
    {
        int batch = checked((int)condition.Value.Rows);
        Variable? modulation = this.modulation is null
            ? null
            : tape.Linear(condition, this.Use(tape, this.modulation), this.Use(tape, this.modulationBias!));
        yield return this.Gated(modulation, 0, (tape, h) => this.mixer.Forward(tape, h, batch));
        if (this.mlpIn is not null)
        {
            yield return this.Gated(modulation, 3, (tape, h) => tape.Linear(
                tape.Gelu(tape.Linear(h, this.Use(tape, this.mlpIn), this.Use(tape, this.mlpInBias!))),
                this.Use(tape, this.mlpOut!), this.Use(tape, this.mlpOutBias!)));
        }
    }

    /// <summary>Computes the block's output; without recording x itself is updated.</summary>
    /// <param name="tape">Where to record.</param>
    /// <param name="x">Tokens, (B·L, D).</param>
    /// <param name="condition">SiLU(c), (B, D).</param>
    public Variable Forward(Tape tape, Variable x, Variable condition) => ResidualStream.Add(tape, x, [.. this.Branches(tape, condition)]);

    public void Initialize(RandomSequence random)
    {
        foreach (Parameter weight in this.store.Parameters.Where(p => p == this.mlpIn || p == this.mlpOut))
        {
            weight.FillXavier(random);
        }
    }

    public void InitializeMixer(RandomSequence random) => this.mixer.Initialize(random);

    private Branch Gated(Variable? modulation, int chunk, Func<Tape, Variable, Variable> run)
    {
        int d = this.options.Width;
        return modulation is null
            ? new(run, null, null)
            : new(
                run, new(modulation.Columns(chunk * d, d), modulation.Columns((chunk + 1) * d, d)),
                modulation.Columns((chunk + 2) * d, d));
    }

    private Variable Use(Tape tape, Parameter parameter) => this.store.Use(tape, parameter);
}
