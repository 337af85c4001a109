using DimIlgpu.Model.Data;

namespace DimIlgpu.Model.Training;

/// <summary>What is known after a step.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="Loss">Mean loss of the step's samples.</param>
/// <param name="GradientNorm">Norm of the gradient before clipping.</param>
/// <param name="LearningRate">Learning rate of the step.</param>
/// <param name="SamplesPerSecond">Samples trained on per second since this process began.</param>
/// <param name="Elapsed">Time since this process began to train.</param>
public sealed record TrainingStep(
    long Step, long Steps, double Loss, double GradientNorm, double LearningRate, double SamplesPerSecond, TimeSpan Elapsed)
{
    /// <summary>The time left at the speed so far.</summary>
    public TimeSpan Remaining { get; init; }
}

/// <summary>Samples drawn while a network trains.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Shape">The shape of each sample.</param>
/// <param name="Values">All samples, one after another, channel last, in about [−1, 1].</param>
/// <param name="Labels">Their classes.</param>
public sealed record TrainingSamples(long Step, SampleShape Shape, ReadOnlyMemory<float> Values, IReadOnlyList<int> Labels);

/// <summary>Watches a run; called on the thread that trains.</summary>
public interface ITrainingObserver
{
    /// <summary>A step is done.</summary>
    void OnStep(TrainingStep report);

    /// <summary>Samples were drawn.</summary>
    void OnSamples(TrainingSamples samples);

    /// <summary>A checkpoint is on disk.</summary>
    void OnCheckpoint(long done, string path);
}
