using System.CommandLine;
using System.Globalization;
using DimIlgpu.Cli.Options;
using DimIlgpu.Model;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Cli.Commands;

/// <summary>The options of <c>dim sample</c> that say what to draw and how.</summary>
internal sealed class SampleOptions
{
    private const int EachClass = 4, MostByDefault = 64, ShownSteps = 8;

    private readonly Option<int?> count = Typed.Number("--count", "Samples in all; by default four of each class, or one of each --class.", 1, (int?)1_000_000);

    private readonly Option<string[]> classes = new("--class")
    {
        Description = "Classes to draw, by name or index; all by default.",
        HelpName = "NAME|INDEX",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<SamplerKind?> sampler = Typed.Choice(
        "--sampler", "How to draw; auto is Heun for flow matching, DPM-Solver++ otherwise.",
        ("auto", SamplerKind.Auto), ("ddpm", SamplerKind.Ddpm), ("ddim", SamplerKind.Ddim), ("dpm", SamplerKind.DpmSolver),
        ("euler", SamplerKind.Euler), ("heun", SamplerKind.Heun));

    private readonly Option<int?> steps = Typed.Number("--steps", "Steps of the sampler; its own number by default.", 1, (int?)100_000);
    private readonly Option<double?> eta = Typed.Number("--eta", "Noise that ddim adds again: 0 is deterministic.", 0, (double?)1);
    private readonly Option<double?> guidance = Typed.Number<double>("--guidance", "Classifier-free guidance; 1 for none, 3 by default.", 0);
    private readonly Option<double?> guidanceFrom = Typed.Number<double>("--guidance-from", "The least noise (sigma) at which to guide.", 0);
    private readonly Option<double?> guidanceTo = Typed.Number<double>("--guidance-to", "The most noise (sigma) at which to guide.", 0);

    private readonly Option<GuidedChannels?> channels = Typed.Choice(
        "--guidance-channels", "Which channels are guided.", ("all", GuidedChannels.All), ("3", GuidedChannels.FirstThree));

    private readonly Option<ulong?> seed = Typed.Number<ulong>("--seed", "Equal seeds give equal samples on one device.", 0);
    private readonly Option<int?> batch = Typed.Number("--batch", "Samples drawn at once.", 1, (int?)65536);
    private readonly Option<bool> showSteps = Typed.Switch("--show-steps", "Also write steps.png: how each sample came about.");

    public IEnumerable<Option> All =>
    [
        this.count, this.classes, this.sampler, this.steps, this.eta, this.guidance, this.guidanceFrom, this.guidanceTo,
        this.channels, this.seed, this.batch, this.showSteps,
    ];

    /// <summary>What to draw from a network.</summary>
    /// <exception cref="UsageException">A class is unknown, or an option does not fit the sampler.</exception>
    /// <exception cref="ArgumentException">The sampler does not fit the network's objective.</exception>
    public GenerationOptions Read(ParseResult parsed, RunConfig config)
    {
        SamplerKind kind = parsed.GetValue(this.sampler) ?? SamplerKind.Auto;
        double eta = parsed.GetValue(this.eta) ?? 0;
        if (eta > 0 && kind != SamplerKind.Ddim)
        {
            throw new UsageException("--eta belongs to --sampler ddim.");
        }

        // Made here too, so that a sampler that does not fit is told before anything is loaded.
        int steps = config.Diffusion.CreateSampler(kind, parsed.GetValue(this.steps) ?? 0, eta).Steps;
        return new()
        {
            Labels = this.Labels(parsed, config),
            Sampling = new()
            {
                Sampler = kind,
                Steps = parsed.GetValue(this.steps) ?? 0,
                Eta = eta,
                Seed = parsed.GetValue(this.seed) ?? 0,
                BatchSize = parsed.GetValue(this.batch) ?? 64,
                ShowEvery = parsed.GetValue(this.showSteps) ? Math.Max(1, steps / ShownSteps) : 0,
                Guidance = new()
                {
                    Scale = parsed.GetValue(this.guidance) ?? 3,
                    From = parsed.GetValue(this.guidanceFrom) ?? 0,
                    To = parsed.GetValue(this.guidanceTo) ?? double.PositiveInfinity,
                    Channels = parsed.GetValue(this.channels) ?? GuidedChannels.All,
                },
            },
        };
    }

    /// <summary>Labels class by class, so that a grid has a row for each.</summary>
    private int[] Labels(ParseResult parsed, RunConfig config)
    {
        string[] named = parsed.GetValue(this.classes) ?? [];
        int[] chosen = named.Length > 0 ? [.. named.Select(n => Label(n, config))] : [.. Enumerable.Range(0, config.Model.Classes)];
        int all = parsed.GetValue(this.count) ?? (named.Length > 0 ? named.Length : Math.Min(MostByDefault, EachClass * chosen.Length));
        int used = Math.Min(all, chosen.Length);
        return [.. Enumerable.Range(0, all).Select(i => chosen[(int)((long)i * used / all)])];
    }

    private static int Label(string name, RunConfig config)
    {
        string plain = Plain(name);
        for (int i = 0; i < config.Classes.Count; i++)
        {
            if (Plain(config.Classes[i]) == plain)
            {
                return i;
            }
        }

        if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < config.Model.Classes)
        {
            return index;
        }

        const int most = 20;
        string rest = config.Classes.Count > most ? ", …" : "";
        throw new UsageException(
            $"There is no class '{name}'; expected 0 to {config.Model.Classes - 1} or one of {string.Join(", ", config.Classes.Take(most))}{rest}.");
    }

    // A shell splits at spaces, so red-circle does for "red circle".
    private static string Plain(string name) => name.Trim().ToLowerInvariant().Replace('-', ' ').Replace('_', ' ');
}
