namespace DimIlgpu.Kernels;

/// <summary>Where the gradients of <see cref="LayerNorm"/> behind a gated branch go; null where one is not wanted.</summary>
/// <param name="X">Gradient of the residual stream before the branch, (samples · tokens, columns).</param>
/// <param name="Gate">Gradient of the gate, (samples, columns).</param>
/// <param name="Branch">Gradient of the branch, (samples · tokens, columns).</param>
/// <param name="Shift">Gradient of the shift, (samples, columns).</param>
/// <param name="Scale">Gradient of the scale, (samples, columns).</param>
public readonly record struct GatedNormGradients(Sink? X, Sink? Gate, Sink? Branch, Sink? Shift, Sink? Scale);

/// <content>Normalisation behind a gated branch, which is added to the residual stream in the same pass.</content>
public static partial class LayerNorm
{
    /// <summary>Adds a gated branch to the residual stream, normalises each row of the sum, and scales and shifts that.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">The residual stream, (samples · tokens, columns), the tokens of a sample being adjacent.</param>
    /// <param name="gate">The branch's gate, (samples, columns).</param>
    /// <param name="o">The branch, (samples · tokens, columns).</param>
    /// <param name="y">Receives the sum x + gate ⊙ o, (samples · tokens, columns); may be x.</param>
    /// <param name="shift">What is added, (samples, columns).</param>
    /// <param name="scale">What is added to 1 and multiplied, (samples, columns).</param>
    /// <param name="h">Output, (samples · tokens, columns).</param>
    /// <param name="statistics">Receives mean and reciprocal standard deviation of y, (samples · tokens, 2), for the backward.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the samples do not divide the rows.</exception>
    public static void Forward(
        Device device, Tensor x, Tensor gate, Tensor o, Tensor y, Tensor shift, Tensor scale, Tensor h, Tensor statistics)
    {
        CheckGated(x, gate, o, shift);
        Check.Shape(y, x.Shape);
        Check.Shape(scale, shift.Shape);
        Check.Shape(h, x.Shape);
        Check.Dense(statistics, new(x.Rows, 2));
        Forward(device, x, new GatedSum(gate, o, y), shift, scale, h, statistics, isModulated: true);
    }

    /// <summary>The gradients, from one read of y, o, dy and dh.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="y">The sum that the forward wrote, (samples · tokens, columns).</param>
    /// <param name="gate">The gate, (samples, columns).</param>
    /// <param name="o">The branch, (samples · tokens, columns).</param>
    /// <param name="scale">The scale, (samples, columns).</param>
    /// <param name="statistics">What the forward wrote, (samples · tokens, 2).</param>
    /// <param name="dy">Gradient of the sum from elsewhere, (samples · tokens, columns); null where there is none.</param>
    /// <param name="dh">Gradient of the output, (samples · tokens, columns).</param>
    /// <param name="to">Where the gradients go.</param>
    /// <exception cref="ArgumentException">A shape does not match, or the samples do not divide the rows.</exception>
    public static void Backward(
        Device device, Tensor y, Tensor gate, Tensor o, Tensor scale, Tensor statistics, Tensor? dy, Tensor dh, GatedNormGradients to)
    {
        CheckBackward(y, statistics, dh, to.X);
        CheckGated(y, gate, o, scale);
        CheckModulation(y, scale, to.Shift, to.Scale);
        CheckSum(to.Gate, gate.Shape, nameof(to));
        CheckSum(to.Branch, o.Shape, nameof(to));
        if (dy is { } seed)
        {
            Check.Shape(seed, y.Shape, nameof(dy));
        }

        Backward(
            device, y, new GatedGradient(gate, o, dy, dy ?? y, to.Branch, to.Gate, y), scale, statistics, dh, to.X, to.Shift, to.Scale);
    }

    private static void CheckGated(Tensor x, Tensor gate, Tensor o, Tensor modulation)
    {
        Check.NotEmpty(x);
        Check.Shape(gate, new(gate.Rows, x.Columns));
        Check.Divides(gate.Rows, x.Rows, nameof(x));
        Check.Shape(o, x.Shape);
        Check.Shape(modulation, gate.Shape);
    }

    /// <summary>What is added to the stream, and where the sum goes.</summary>
    private readonly record struct GatedSum(Tensor Gate, Tensor O, Tensor Y)
    {
        /// <summary>Whether a GPU reads them four elements at a time, as it does the stream and the output.</summary>
        public bool Fits(Tensor x, Tensor h) => Stored.Fits(this.Gate, x.ElementType, 4) && Stored.Fits(this.Y, x.ElementType, 4)
            && Stored.Fits(this.O, h.ElementType, 4);
    }

    /// <summary>What the gradients behind a gated branch need beside those of the norm.</summary>
    /// <param name="Gate">The gate.</param>
    /// <param name="O">The branch.</param>
    /// <param name="Dy">Gradient of the sum from elsewhere.</param>
    /// <param name="Seed">The same, or memory that is never read.</param>
    /// <param name="Branch">Where the branch's gradient goes.</param>
    /// <param name="Dgate">Where the gate's gradient goes.</param>
    /// <param name="Sums">The gate's gradient, by parts of rows.</param>
    private readonly record struct GatedGradient(Tensor Gate, Tensor O, Tensor? Dy, Tensor Seed, Sink? Branch, Sink? Dgate, Tensor Sums)
    {
        /// <summary>Stands for no branch: memory that is never read.</summary>
        public static GatedGradient None(Tensor x) => new(x, x, null, x, null, null, x);

        /// <summary>Whether a GPU reads them four elements at a time, as it does the stream and the output.</summary>
        public bool Fits(Tensor x, Tensor dh) => Stored.Fits(this.Gate, x.ElementType, 4) && Stored.Fits(this.O, dh.ElementType, 4)
            && Stored.Fits(this.Seed, x.ElementType, 4) && (this.Branch is not { } to || Stored.Fits(to.Tensor, dh.ElementType, 4));
    }
}
