using DimIlgpu.Autograd;
using DimIlgpu.Kernels;

namespace DimIlgpu.Model;

/// <summary>What the network predicts for each sample, (B, n) each.</summary>
/// <param name="Prediction">What the objective's target estimates.</param>
/// <param name="Variance">v, which interpolates between the bounds of the variance; null where none is learned.</param>
public readonly record struct NetworkOutput(Variable Prediction, Variable? Variance);

/// <summary>The DiM network: patches, condition, bidirectional Mamba blocks, final layer.</summary>
/// <remarks>
/// Source: Mo and Tian 2024, arXiv:2405.15881; where the paper is silent, DiT (Peebles and Xie 2022) and Vim
/// (Zhu et al. 2024). Token order is frame-major, then rows, then columns; activations are (batch·token, channel).
/// </remarks>
public sealed class DiffusionMamba : IDisposable
{
    private readonly Parameter patchWeight, patchBias, finalWeight, finalBias;
    private readonly Parameter? positions, finalModulation, finalModulationBias;
    private readonly ConditionEmbedder embedder;
    private readonly DimBlock[] blocks;
    private readonly Arena tables;
    private readonly Tensor fixedPositions;

    /// <summary>Makes a network with memory on <paramref name="device"/>; its values are zero until they are initialised or loaded.</summary>
    /// <param name="options">Its shape.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="training">Whether there is memory for gradients and the optimiser.</param>
    /// <param name="ema">Whether there is memory for the moving average of the weights.</param>
    /// <exception cref="ArgumentException">The options do not fit each other.</exception>
    public DiffusionMamba(DimOptions options, Device device, bool training = true, bool ema = true)
    {
        (this.Options, this.Device) = (options.Validated(), device);
        PatchLayout patches = options.Patches;
        int d = options.Width, outputs = patches.PatchLength * (options.LearnsVariance ? 2 : 1);
        this.patchWeight = this.Parameters.Declare("patch.weight", new(d, patches.PatchLength));
        this.patchBias = this.Parameters.Declare("patch.bias", new(1, d), decays: false);
        this.positions = options.LearnedPositions ? this.Parameters.Declare("positions", new(patches.Tokens, d)) : null;
        this.embedder = new(this.Parameters, options);
        this.blocks = [.. Enumerable.Range(0, options.Depth).Select(i => new DimBlock(this.Parameters, $"blocks.{i}", options))];
        if (options.Conditioning == Conditioning.AdaLayerNorm)
        {
            this.finalModulation = this.Parameters.Declare("final.adaLN.weight", new(2 * d, d));
            this.finalModulationBias = this.Parameters.Declare("final.adaLN.bias", new(1, 2 * d), decays: false);
        }

        this.finalWeight = this.Parameters.Declare("final.linear.weight", new(outputs, d));
        this.finalBias = this.Parameters.Declare("final.linear.bias", new(1, outputs), decays: false);
        this.Parameters.Allocate(device, training, ema);

        this.tables = new(device, blockLength: 1);
        this.fixedPositions = this.tables.Rent(new(patches.Tokens, d));
        float[] table = new float[this.fixedPositions.Shape.Length];
        PositionTable.Write(options.Grid, d, table);
        this.fixedPositions.Upload(table);
    }

    /// <summary>The shape of the network.</summary>
    public DimOptions Options { get; }

    /// <summary>Where it runs.</summary>
    public Device Device { get; }

    /// <summary>The weights and what training keeps beside them.</summary>
    public ParameterStore Parameters { get; } = new();

    /// <summary>Gives every parameter its first value, the same for a seed on every device.</summary>
    /// <param name="seed">Tells initialisations apart.</param>
    /// <remarks>adaLN and the final layer start at zero, so every block starts as the identity and the first output is 0.</remarks>
    public void Initialize(ulong seed)
    {
        RandomSequence random = new(seed, stream: 0, slot: 1);
        foreach (Parameter parameter in this.Parameters.Parameters)
        {
            if (parameter.Name.EndsWith("proj.weight", StringComparison.Ordinal))
            {
                parameter.FillXavier(random, parameter.Name.Contains(".x_proj.", StringComparison.Ordinal) ? 2 : 1);
            }
        }

        this.patchWeight.FillXavier(random);
        this.positions?.Fill(() => 0.02f * (float)random.NextNormal());
        this.embedder.Initialize(random);
        foreach (DimBlock block in this.blocks)
        {
            block.Initialize(random);
        }

        // Last: a general initialisation after this one would lose the range of Δ.
        foreach (DimBlock block in this.blocks)
        {
            block.InitializeMixer(random);
        }

        this.Parameters.MarkUpdated();
        if (this.Parameters.Ema is not null)
        {
            this.Parameters.ResetEma();
        }
    }

    /// <summary>Predicts.</summary>
    /// <param name="tape">Where to record, or a tape that does not.</param>
    /// <param name="x">Noisy samples, (B, n), channel last.</param>
    /// <param name="timeFeatures"><see cref="TimestepFeatures"/> of each sample, (B, 256).</param>
    /// <param name="labels">The class of each sample as bits of an int, (B, 1); <see cref="DimOptions.Classes"/> for none.</param>
    /// <param name="checkpointBlocks">Whether the backward pass computes each block again instead of keeping its activations.</param>
    public NetworkOutput Forward(Tape tape, Tensor x, Tensor timeFeatures, Tensor labels, bool checkpointBlocks = false)
    {
        PatchLayout patches = this.Options.Patches;
        Variable tokens = tape.Linear(
            tape.Patchify(Tape.Constant(x), patches), this.Use(tape, this.patchWeight), this.Use(tape, this.patchBias));
        tokens = tape.AddTable(tokens, Tape.Constant(this.fixedPositions), inPlace: true);
        if (this.positions is { } learned)
        {
            tokens = tape.AddTable(tokens, this.Use(tape, learned), inPlace: true);
        }

        Variable time = this.embedder.Time(tape, timeFeatures), label = this.embedder.Label(tape, labels);
        Variable condition = tape.Silu(tape.Sum(time, label));
        bool asTokens = this.Options.Conditioning == Conditioning.Token;
        if (asTokens)
        {
            tokens = tape.JoinTokens(tape.JoinTokens(tokens, time, count: 1), label, count: 1);
        }

        Modulation? modulation = this.FinalModulation(tape, condition);
        Variable h;
        if (asTokens || (checkpointBlocks && tape.IsRecording))
        {
            foreach (DimBlock block in this.blocks)
            {
                tokens = Run(tape, block, tokens, condition, checkpointBlocks);
            }

            h = ResidualStream.Normalize(tape, asTokens ? tape.DropTokens(tokens, patches.Tokens, count: 2) : tokens, modulation);
        }
        else
        {
            h = ResidualStream.AddAndNormalize(tape, tokens, [.. this.blocks.SelectMany(b => b.Branches(tape, condition))], modulation);
        }

        return this.Final(tape, h, patches);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        this.tables.Dispose();
        this.Parameters.Dispose();
    }

    private static Variable Run(Tape tape, DimBlock block, Variable tokens, Variable condition, bool checkpoint)
    {
        if (tape.IsRecording)
        {
            return checkpoint ? tape.Checkpoint(block.Forward, tokens, condition) : block.Forward(tape, tokens, condition);
        }

        // The block updates its tokens in place, so sampling needs the memory of one block: the condition is among the tokens.
        using (tape.Scope())
        {
            _ = block.Forward(tape, tokens, condition);
        }

        return tokens;
    }

    private Modulation? FinalModulation(Tape tape, Variable condition)
    {
        if (this.finalModulation is not { } weight)
        {
            return null;
        }

        int d = this.Options.Width;
        Variable modulation = tape.Linear(condition, this.Use(tape, weight), this.Use(tape, this.finalModulationBias!));
        return new(modulation.Columns(0, d), modulation.Columns(d, d));
    }

    private NetworkOutput Final(Tape tape, Variable h, PatchLayout patches)
    {
        Variable y = tape.Linear(h, this.Use(tape, this.finalWeight), this.Use(tape, this.finalBias), wide: true);
        return this.Options.LearnsVariance
            ? new(
                tape.Unpatchify(y.Columns(0, patches.PatchLength), patches),
                tape.Unpatchify(y.Columns(patches.PatchLength, patches.PatchLength), patches))
            : new(tape.Unpatchify(y, patches), null);
    }

    private Variable Use(Tape tape, Parameter parameter) => this.Parameters.Use(tape, parameter);
}
