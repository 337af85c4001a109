using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>A named tensor that is learned; its memory belongs to a <see cref="ParameterStore"/>.</summary>
public sealed class Parameter
{
    private readonly ParameterStore store;

    internal Parameter(ParameterStore store, string name, Shape shape, bool decays) =>
        (this.store, this.Name, this.Shape, this.Decays) = (store, name, shape, decays);

    /// <summary>The name, unique within the store.</summary>
    public string Name { get; }

    /// <summary>The shape.</summary>
    public Shape Shape { get; }

    /// <summary>Whether weight decay applies: not to A_log, D and biases.</summary>
    public bool Decays { get; }

    /// <summary>The value that the network runs with: the trained one, or its average within <see cref="ParameterStore.UseEma"/>.</summary>
    /// <remarks>Whoever writes it calls <see cref="ParameterStore.MarkUpdated()"/>.</remarks>
    /// <exception cref="InvalidOperationException">The store has no memory yet.</exception>
    public Tensor Value => ParameterStore.View(this, this.store.Running);

    /// <summary>The accumulated gradient; null where the store holds none.</summary>
    public Tensor? Gradient => this.store.Gradients is { } gradients ? ParameterStore.View(this, gradients) : null;

    /// <summary>The first moment of the gradient; null where the store holds none.</summary>
    public Tensor? Moment1 => this.store.Moments1 is { } moments ? ParameterStore.View(this, moments) : null;

    /// <summary>The second moment of the gradient; null where the store holds none.</summary>
    public Tensor? Moment2 => this.store.Moments2 is { } moments ? ParameterStore.View(this, moments) : null;

    /// <summary>The moving average of the value; null where the store holds none.</summary>
    public Tensor? Ema => this.store.Ema is { } ema ? ParameterStore.View(this, ema) : null;

    /// <summary>The value as the CPU's products read it; for inference.</summary>
    internal PackedWeight? Packed { get; set; }

    /// <summary>The first element in each of the store's buffers.</summary>
    internal long Offset { get; set; }

    /// <inheritdoc/>
    public override string ToString() => $"{this.Name} {this.Shape}";
}
