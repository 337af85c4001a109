using System.Diagnostics.CodeAnalysis;
using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>Owns everything that is learned, and what training keeps beside it, in flat buffers.</summary>
/// <remarks>
/// Parameters are declared first and laid out by <see cref="Allocate"/>: those with weight decay, then those without, so
/// that an update of them all is two launches. Each starts at a multiple of 32 elements; what lies between is zero and
/// stays so. The buffers have rows of 1,024 elements. Used by one thread at a time, as its device is.
/// </remarks>
public sealed class ParameterStore : IDisposable
{
    private const int Alignment = 32;
    private const int RowLength = 1024;

    private readonly List<Parameter> parameters = [];
    private readonly Dictionary<string, Parameter> byName = new(StringComparer.Ordinal);
    private Arena? arena, packed;
    private Tensor? values;
    private Tensor? running, operands;
    private long operandVersion;

    /// <summary>The parameters in the order of their declaration.</summary>
    public IReadOnlyList<Parameter> Parameters => this.parameters;

    /// <summary>The number of scalars, without padding.</summary>
    public long Count => this.parameters.Sum(p => p.Shape.Length);

    /// <summary>Raised whenever <see cref="Parameter.Value"/> may have changed: what is derived from it is kept with this number.</summary>
    public long Version { get; private set; }

    /// <summary>Where the buffers are.</summary>
    /// <exception cref="InvalidOperationException">The store has no memory yet.</exception>
    public Device Device => this.Memory.Device;

    /// <summary>Bytes of device memory that the store holds.</summary>
    public long HeldBytes => (this.arena?.HeldBytes ?? 0) + (this.packed?.HeldBytes ?? 0);

    /// <summary>The trained values of all parameters.</summary>
    /// <exception cref="InvalidOperationException">The store has no memory yet.</exception>
    public Tensor Values => this.values ?? throw NotAllocated();

    /// <summary>The accumulated gradients; null for inference.</summary>
    public Tensor? Gradients { get; private set; }

    /// <summary>The first moments of the gradients; null for inference.</summary>
    public Tensor? Moments1 { get; private set; }

    /// <summary>The second moments of the gradients; null for inference.</summary>
    public Tensor? Moments2 { get; private set; }

    /// <summary>The moving average of the values; null where none is kept.</summary>
    public Tensor? Ema { get; private set; }

    /// <summary>Rows of the buffers that hold parameters with weight decay; the rest holds those without.</summary>
    public long DecayingRows { get; private set; }

    internal Tensor Running => this.running ?? throw NotAllocated();

    /// <summary>The operands of products, where they are a copy in bfloat16 of the trained values, for an update to write.</summary>
    internal Tensor? ValueOperands => this.Running.Equals(this.Values) ? this.operands : null;

    private Arena Memory => this.arena ?? throw NotAllocated();

    /// <summary>The parameter of that name.</summary>
    /// <exception cref="KeyNotFoundException">There is none; the message names those most alike.</exception>
    public Parameter this[string name] => this.TryGet(name, out Parameter? parameter)
        ? parameter
        : throw new KeyNotFoundException(
            $"There is no parameter '{name}' among {this.parameters.Count}; " +
            $"nearest: {string.Join(", ", this.parameters.OrderByDescending(p => Likeness(p.Name, name)).Take(3).Select(p => $"'{p.Name}'"))}.");

    /// <summary>Finds a parameter.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out Parameter? parameter) => this.byName.TryGetValue(name, out parameter);

    /// <summary>Adds a parameter.</summary>
    /// <param name="name">Its name, not used before.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="decays">Whether weight decay applies to it.</param>
    /// <exception cref="ArgumentException">The name is taken or empty, or the shape is empty.</exception>
    /// <exception cref="InvalidOperationException">The memory is laid out already.</exception>
    public Parameter Declare(string name, Shape shape, bool decays = true)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (this.arena is not null)
        {
            throw new InvalidOperationException($"'{name}' comes too late: the parameters have their memory already.");
        }

        if (shape.Rows < 1 || shape.Columns < 1 || shape.Length > int.MaxValue - Alignment)
        {
            throw new ArgumentException($"'{name}' has {shape}; expected at least 1×1 and less than 2³¹ elements.", nameof(shape));
        }

        Parameter parameter = new(this, name, shape, decays);
        if (!this.byName.TryAdd(name, parameter))
        {
            throw new ArgumentException($"There is a parameter '{name}' of {this.byName[name].Shape} already.", nameof(name));
        }

        this.parameters.Add(parameter);
        return parameter;
    }

    /// <summary>Lays the declared parameters out; everything starts at zero.</summary>
    /// <param name="device">Where.</param>
    /// <param name="training">Whether gradients and their moments are held.</param>
    /// <param name="ema">Whether a moving average is held; see <see cref="ResetEma"/>.</param>
    /// <exception cref="InvalidOperationException">Nothing was declared, or the memory is laid out already.</exception>
    /// <exception cref="DeviceMemoryException">The device has no room.</exception>
    public void Allocate(Device device, bool training = true, bool ema = true)
    {
        if (this.arena is not null || this.parameters.Count == 0)
        {
            throw new InvalidOperationException(
                this.arena is null ? "No parameters were declared." : "The parameters have their memory already.");
        }

        long end = 0;
        foreach (Parameter parameter in this.parameters.Where(p => p.Decays))
        {
            end = Place(parameter, end);
        }

        end = RoundUp(end, RowLength);
        this.DecayingRows = end / RowLength;
        foreach (Parameter parameter in this.parameters.Where(p => !p.Decays))
        {
            end = Place(parameter, end);
        }

        Shape shape = new(RoundUp(end, RowLength) / RowLength, RowLength);

        // Blocks of their own: OpenCL's sub-views count from the start of a block in 32 bits.
        this.arena = new(device, blockLength: 1);
        this.packed = device.Kind == DeviceKind.Cpu ? new(device, blockLength: 1) : null;
        try
        {
            this.running = this.values = this.arena.Rent(shape, clear: true);
            this.Gradients = training ? this.arena.Rent(shape, clear: true) : null;
            this.Moments1 = training ? this.arena.Rent(shape, clear: true) : null;
            this.Moments2 = training ? this.arena.Rent(shape, clear: true) : null;
            this.Ema = ema ? this.arena.Rent(shape, clear: true) : null;
            this.operands = device.ActivationType == ElementType.Float32 ? null : this.arena.Rent(shape, clear: true, device.ActivationType);
        }
        catch
        {
            this.Dispose();
            throw;
        }
    }

    /// <summary>A parameter as a variable; where the tape records and gradients are held, adjoints add to its gradient.</summary>
    public Variable Use(Tape tape, Parameter parameter)
    {
        if (!ReferenceEquals(this.byName.GetValueOrDefault(parameter.Name), parameter))
        {
            throw new ArgumentException($"'{parameter.Name}' belongs to another store.", nameof(parameter));
        }

        if (!tape.IsRecording && this.packed is { } arena)
        {
            // Sampling runs the same weights over and over.
            PackedWeight weight = parameter.Packed ??= new(arena);
            weight.Expect(this.Version);
            return new(parameter.Value, gradient: null) { Packed = weight };
        }

        Tensor? operand = null;
        if (this.operands is { } buffer)
        {
            this.RefreshOperands();
            operand = View(parameter, buffer);
        }

        return new(parameter.Value, tape.IsRecording && parameter.Gradient is { } gradient ? new Gradient(gradient) : null) { Operand = operand };
    }

    /// <inheritdoc cref="Use(Tape, Parameter)"/>
    public Variable Use(Tape tape, string name) => this.Use(tape, this[name]);

    /// <summary>Says that values were written by other means than an update.</summary>
    public void MarkUpdated() => this.MarkUpdated(isCopied: false);

    /// <param name="isCopied">Whether the copy for products was written too.</param>
    internal void MarkUpdated(bool isCopied)
    {
        this.Version++;
        this.operandVersion = isCopied ? this.Version : this.operandVersion;
    }

    /// <summary>Starts the moving average at the values, as after initialisation.</summary>
    /// <exception cref="InvalidOperationException">The store keeps no average.</exception>
    public void ResetEma()
    {
        (this.Ema ?? throw NoEma()).CopyFrom(this.Values);
        this.Version++;
    }

    /// <summary>Makes <see cref="Parameter.Value"/> the moving average until the result is disposed. Nothing is copied.</summary>
    /// <exception cref="InvalidOperationException">The store keeps no average.</exception>
    public IDisposable UseEma()
    {
        EmaScope scope = new(this, this.Running);
        this.Run(this.Ema ?? throw NoEma());
        return scope;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        this.arena?.Dispose();
        this.packed?.Dispose();
        this.parameters.ForEach(p => p.Packed = null);
        (this.arena, this.packed, this.values, this.running, this.operands) = (null, null, null, null, null);
        (this.Gradients, this.Moments1, this.Moments2, this.Ema) = (null, null, null, null);
    }

    internal Tensor Rent(Shape shape) => this.Memory.Rent(shape, clear: true);

    internal static Tensor View(Parameter parameter, Tensor buffer)
    {
        long length = RoundUp(parameter.Shape.Length, Alignment);
        return buffer.Reshape(new(buffer.Shape.Length / Alignment, Alignment))
            .SliceRows(parameter.Offset / Alignment, length / Alignment)
            .Reshape(new(1, (int)length))
            .Slice(0, (int)parameter.Shape.Length)
            .Reshape(parameter.Shape);
    }

    private static long Place(Parameter parameter, long offset)
    {
        parameter.Offset = offset;
        return offset + RoundUp(parameter.Shape.Length, Alignment);
    }

    private static long RoundUp(long value, int multiple) => (value + multiple - 1) / multiple * multiple;

    private static int Likeness(string a, string b)
    {
        int start = 0, end = 0, most = Math.Min(a.Length, b.Length);
        while (start < most && a[start] == b[start])
        {
            start++;
        }

        while (end < most - start && a[^(end + 1)] == b[^(end + 1)])
        {
            end++;
        }

        return start + end;
    }

    private static InvalidOperationException NotAllocated() => new("The parameters have no memory yet; call Allocate first.");

    private static InvalidOperationException NoEma() => new("This store keeps no moving average; allocate it with one.");

    private void Run(Tensor values)
    {
        this.running = values;
        this.Version++;
        this.RefreshOperands();
    }

    private void RefreshOperands()
    {
        if (this.operands is { } copy && this.operandVersion != this.Version)
        {
            copy.CopyFrom(this.Running);
            this.operandVersion = this.Version;
        }
    }

    private sealed class EmaScope(ParameterStore store, Tensor before) : IDisposable
    {
        private bool ended;

        public void Dispose()
        {
            if (!this.ended && store.arena is not null)
            {
                store.Run(before);
            }

            this.ended = true;
        }
    }
}
