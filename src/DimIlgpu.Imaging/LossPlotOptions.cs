namespace DimIlgpu.Imaging;

/// <summary>What a plot of the loss shows besides the loss.</summary>
public sealed record LossPlotOptions
{
    /// <summary>The name and unit on the vertical axis.</summary>
    public string LossLabel { get; init; } = "loss";

    /// <summary>What the loss is called in the legend, where it is compared.</summary>
    public string Name { get; init; } = "loss";

    /// <summary>Losses of other runs to compare with, against the same axis.</summary>
    public IReadOnlyList<(string Name, IReadOnlyList<(long Step, double Loss)> Points)> Compared { get; init; } = [];

    /// <summary>The loss on samples that are never trained on, against the same axis.</summary>
    public IReadOnlyList<(long Step, double Loss)>? HeldOut { get; init; }

    /// <summary>The norm of the gradient, against an axis of its own at the right.</summary>
    public IReadOnlyList<(long Step, double Norm)>? GradientNorm { get; init; }

    /// <summary>Whether the loss stands on a logarithmic axis; chosen from its range when null. One with values of 0 or less never does.</summary>
    public bool? Logarithmic { get; init; }
}
