using DimIlgpu.Model;
using DimIlgpu.Model.Diffusion;

namespace DimIlgpu.Cli.Commands;

/// <summary>What <c>dim info</c> tells of a network, and of its checkpoint where there is one.</summary>
internal sealed record NetworkFacts
{
    public required string Sample { get; init; }

    public required int Depth { get; init; }

    public required int Width { get; init; }

    public required int Patch { get; init; }

    public required int States { get; init; }

    public required int Tokens { get; init; }

    public required long Parameters { get; init; }

    /// <summary>Multiply-adds of one sample's forward pass, without the scan.</summary>
    public required long MultiplyAdds { get; init; }

    public required long ScanStates { get; init; }

    public required int Batch { get; init; }

    public required long TrainingBytes { get; init; }

    public required long SamplingBytes { get; init; }

    public string? Checkpoint { get; init; }

    public long? FileBytes { get; init; }

    public long? Step { get; init; }

    public long? Steps { get; init; }

    public ObjectiveKind? Objective { get; init; }

    public string? Data { get; init; }

    public IReadOnlyList<string>? Classes { get; init; }

    /// <exception cref="ArgumentException">The options do not fit each other.</exception>
    public static NetworkFacts Of(DimOptions options, int batch, bool checkpointBlocks)
    {
        DimCost cost = DimCost.Of(options);
        return new()
        {
            Sample = options.Sample.ToString(),
            Depth = options.Depth,
            Width = options.Width,
            Patch = options.Patch,
            States = options.States,
            Tokens = cost.Tokens,
            Parameters = cost.Parameters,
            MultiplyAdds = cost.MultiplyAdds,
            ScanStates = cost.ScanStates,
            Batch = batch,
            TrainingBytes = DimCost.TrainingBytes(options, batch, checkpointBlocks),
            SamplingBytes = DimCost.SamplingBytes(options, batch),
        };
    }
}
