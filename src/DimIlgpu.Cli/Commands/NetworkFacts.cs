using DimIlgpu.Kernels;
using DimIlgpu.Model;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;

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

    /// <summary>What takes the memory; only where it was asked for.</summary>
    public MemoryFacts? Memory { get; init; }

    public string? Checkpoint { get; init; }

    public long? FileBytes { get; init; }

    public long? Step { get; init; }

    public long? Steps { get; init; }

    public ObjectiveKind? Objective { get; init; }

    public string? Data { get; init; }

    public IReadOnlyList<string>? Classes { get; init; }

    /// <param name="config">The run that trained the network, or might.</param>
    /// <param name="kind">The kind of device that memory is planned for.</param>
    /// <param name="device">How it is opened.</param>
    /// <param name="isDetailed">Whether to tell what takes the memory.</param>
    /// <exception cref="ArgumentException">The options do not fit each other.</exception>
    public static NetworkFacts Of(RunConfig config, DeviceKind kind, DeviceOptions device, bool isDetailed)
    {
        DimOptions options = config.Model;
        DimCost cost = DimCost.Of(options);
        int batch = config.Training.BatchSize;
        MemoryPlan train = Train(config.Training.CheckpointBlocks), sample = OnPlan(d => MemoryPlan.OfSampling(config, batch, d));
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
            TrainingBytes = train.Total,
            SamplingBytes = sample.Total,
            Memory = !isDetailed ? null : new()
            {
                Device = kind,
                Precision = device.MatrixPrecision,
                Train = config.Training.CheckpointBlocks ? Train(checkpointBlocks: false) : train,
                TrainCheckpointingBlocks = config.Training.CheckpointBlocks ? train : Train(checkpointBlocks: true),
                Sample = sample,
            },
        };

        MemoryPlan Train(bool checkpointBlocks) => OnPlan(d => MemoryPlan.OfTraining(
            config with { Training = config.Training with { CheckpointBlocks = checkpointBlocks } }, d));

        MemoryPlan OnPlan(Func<Device, MemoryPlan> work)
        {
            using Device planned = Device.Plan(kind, device);
            return work(planned);
        }
    }
}

/// <summary>What takes the memory of a device.</summary>
internal sealed record MemoryFacts
{
    public required DeviceKind Device { get; init; }

    public required MatrixPrecision Precision { get; init; }

    public required MemoryPlan Train { get; init; }

    public required MemoryPlan TrainCheckpointingBlocks { get; init; }

    public required MemoryPlan Sample { get; init; }
}
