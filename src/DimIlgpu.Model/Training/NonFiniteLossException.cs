namespace DimIlgpu.Model.Training;

/// <summary>The loss or its gradient became infinite or not a number; the weights before that step are unharmed.</summary>
/// <param name="step">The step at which it happened.</param>
/// <param name="lastCheckpoint">The last good checkpoint; null where there is none.</param>
public sealed class NonFiniteLossException(long step, string? lastCheckpoint) : Exception(
    $"The loss became non-finite at step {step}; the last good checkpoint is {lastCheckpoint ?? "none"}. " +
    "Resume from it with a smaller learning rate.")
{
    /// <summary>The step at which it happened.</summary>
    public long Step => step;

    /// <summary>The last good checkpoint; null where there is none.</summary>
    public string? LastCheckpoint => lastCheckpoint;
}
