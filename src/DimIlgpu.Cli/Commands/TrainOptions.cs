using System.CommandLine;
using DimIlgpu.Cli.Options;
using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Cli.Commands;

/// <summary>The options of <c>dim train</c>, and what they change in a preset.</summary>
internal sealed class TrainOptions
{
    private readonly Option<string?> size = Typed.Text(
        "--size", $"A named network: {string.Join(", ", DimSizes.Names)} and a patch, such as DiM-S/2.", "DiM-S/2");

    private readonly Option<int?> resolution = Typed.Number("--resolution", "Side of the images in pixels.", 1, (int?)4096);
    private readonly Option<long?> steps = Typed.Number<long>("--steps", "Steps in all.", 1);
    private readonly Option<int?> batch = Typed.Number("--batch", "Samples of one evaluation.", 1, (int?)65536);
    private readonly Option<int?> accumulate = Typed.Number("--accumulate", "Evaluations averaged into one step.", 1, (int?)65536);
    private readonly Option<double?> learningRate = Typed.Number<double>("--lr", "Learning rate.", 0);
    private readonly Option<ulong?> seed = Typed.Number<ulong>("--seed", "Equal seeds give equal bits on one device.", 0);

    private readonly Option<ObjectiveKind?> objective = Typed.Choice(
        "--objective", "What the network predicts; epsilon also learns the variance.",
        ("epsilon", ObjectiveKind.Epsilon), ("velocity", ObjectiveKind.Velocity), ("sample", ObjectiveKind.Sample), ("flow", ObjectiveKind.Flow));

    private readonly Option<ScheduleKind?> schedule = Typed.Choice(
        "--schedule", "How fast noise is added; flow has none.", ("linear", ScheduleKind.Linear), ("cosine", ScheduleKind.Cosine));

    private readonly Option<double?> minSnr = Typed.Number<double>("--min-snr", "Gamma of min-SNR weighting; 0 for none.", 0);

    private readonly Option<Conditioning?> conditioning = Typed.Choice(
        "--conditioning", "How class and time reach the network.", ("adaln", Conditioning.AdaLayerNorm), ("token", Conditioning.Token));

    private readonly Option<double?> mlpRatio = Typed.Number("--mlp-ratio", "Width of an MLP in each block relative to the block's; 0 for none.", 0, (double?)64);
    private readonly Option<bool> noLearnedVariance = Typed.Switch("--no-learned-variance", "Predict no variance with epsilon.");
    private readonly Option<int?> states = Typed.Number("--states", "States of a channel: 4, 8, 12 or 16.", 4, (int?)16);
    private readonly Option<int?> temporalPatch = Typed.Number("--temporal-patch", "Frames of a patch.", 1, (int?)1024);
    private readonly Option<double?> ema = Typed.Number("--ema", "Decay of the weights' moving average.", 0, (double?)1);
    private readonly Option<double?> labelDropout = Typed.Number("--label-dropout", "Share of labels dropped, for guidance.", 0, (double?)1);
    private readonly Option<bool> flip = Typed.Switch("--flip", "Mirror samples at random, also where the data set would rather not.");
    private readonly Option<bool> noFlip = Typed.Switch("--no-flip", "Never mirror samples.");
    private readonly Option<long?> checkpointEvery = Typed.Number<long>("--checkpoint-every", "Steps between checkpoints; a twentieth of all by default.", 1);
    private readonly Option<int?> keep = Typed.Number("--keep", "Checkpoints that are kept.", 1, (int?)1_000_000);
    private readonly Option<long?> sampleEvery = Typed.Number<long>("--sample-every", "Steps between sample grids; a tenth of all by default, 0 for one at the end.", 0);
    private readonly Option<bool> checkpointBlocks = Typed.Switch("--checkpoint-blocks", "Compute blocks again in the backward pass, for less memory.");

    public Option<string?> Data { get; } = Typed.Text(
        "--data", "shapes (the default), moving-shapes, a folder or archive of class folders, idx files, or latents.", "shapes|moving-shapes|PATH");

    /// <summary>Everything that a run's folder remembers, and that a resumed run therefore cannot change.</summary>
    public IEnumerable<Option> All =>
    [
        this.Data, this.size, this.resolution, this.steps, this.batch, this.accumulate, this.learningRate, this.seed, this.objective,
        this.schedule, this.minSnr, this.conditioning, this.mlpRatio, this.noLearnedVariance, this.states, this.temporalPatch,
        this.ema, this.labelDropout, this.flip, this.noFlip, this.checkpointEvery, this.keep, this.sampleEvery, this.checkpointBlocks,
    ];

    /// <summary>How the data set is to be read.</summary>
    /// <exception cref="UsageException">Options contradict each other.</exception>
    public DataSetOptions DataOptions(ParseResult parsed)
    {
        bool mirrored = parsed.GetValue(this.flip);
        return mirrored && parsed.GetValue(this.noFlip)
            ? throw new UsageException("--flip and --no-flip contradict each other.")
            : new() { Size = parsed.GetValue(this.resolution), AllowsHorizontalFlip = mirrored ? true : null };
    }

    /// <summary>The preset of a data set with what the command line changes.</summary>
    /// <exception cref="UsageException">Options contradict each other.</exception>
    /// <exception cref="ArgumentException">The network cannot be made so.</exception>
    public RunConfig Configure(ParseResult parsed, string name, IDataSet data)
    {
        RunConfig preset = TrainingPreset.For(name, data.Shape, data.Classes);
        DiffusionOptions diffusion = this.Diffusion(parsed, preset.Diffusion);
        DimOptions model = this.Model(parsed, preset.Model) with
        {
            LearnsVariance = !parsed.GetValue(this.noLearnedVariance) && diffusion.Objective == ObjectiveKind.Epsilon &&
                (preset.Model.LearnsVariance || parsed.GetValue(this.objective) is not null),
        };
        return preset with
        {
            Model = model.Validated(),
            Diffusion = diffusion,
            Training = this.Training(parsed, preset.Training),
            DataOptions = this.DataOptions(parsed),
            IsLatent = data.IsLatent,
        };
    }

    private DimOptions Model(ParseResult parsed, DimOptions preset)
    {
        DimOptions model = parsed.GetValue(this.size) is { } name ? DimSizes.Apply(name, preset) : preset;
        return model with
        {
            Conditioning = parsed.GetValue(this.conditioning) ?? model.Conditioning,
            MlpRatio = parsed.GetValue(this.mlpRatio) ?? model.MlpRatio,
            States = parsed.GetValue(this.states) ?? model.States,
            TemporalPatch = parsed.GetValue(this.temporalPatch) ?? model.TemporalPatch,
        };
    }

    private DiffusionOptions Diffusion(ParseResult parsed, DiffusionOptions preset)
    {
        DiffusionOptions diffusion = preset with
        {
            Objective = parsed.GetValue(this.objective) ?? preset.Objective,
            Schedule = parsed.GetValue(this.schedule) ?? preset.Schedule,
            MinSnrGamma = parsed.GetValue(this.minSnr) ?? preset.MinSnrGamma,
        };
        return diffusion.Objective == ObjectiveKind.Flow && parsed.GetValue(this.schedule) is not null
            ? throw new UsageException("--schedule has no meaning for flow matching; leave it out, or choose another --objective.")
            : diffusion;
    }

    private TrainingOptions Training(ParseResult parsed, TrainingOptions preset)
    {
        TrainingOptions training = parsed.GetValue(this.steps) is { } all ? TrainingPreset.For(all, preset) : preset;
        return training with
        {
            BatchSize = parsed.GetValue(this.batch) ?? training.BatchSize,
            Accumulate = parsed.GetValue(this.accumulate) ?? training.Accumulate,
            LearningRate = parsed.GetValue(this.learningRate) ?? training.LearningRate,
            Seed = parsed.GetValue(this.seed) ?? training.Seed,
            EmaDecay = parsed.GetValue(this.ema) ?? training.EmaDecay,
            LabelDropout = parsed.GetValue(this.labelDropout) ?? training.LabelDropout,
            HorizontalFlip = training.HorizontalFlip && !parsed.GetValue(this.noFlip),
            CheckpointEvery = parsed.GetValue(this.checkpointEvery) ?? training.CheckpointEvery,
            KeepCheckpoints = parsed.GetValue(this.keep) ?? training.KeepCheckpoints,
            SampleEvery = parsed.GetValue(this.sampleEvery) ?? training.SampleEvery,
            CheckpointBlocks = parsed.GetValue(this.checkpointBlocks) || training.CheckpointBlocks,
        };
    }
}
