using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>Remembers the operators of one step, in order, and owns their memory.</summary>
/// <remarks>Used by one thread at a time, as its device is.</remarks>
public sealed class Tape : IDisposable
{
    private readonly Arena arena;
    private readonly bool ownsArena;
    private readonly Stack<Action> nodes = [];
    private readonly Dictionary<(long Length, ElementType Type), Stack<Tensor>> free = [];

    /// <summary>Makes an empty tape.</summary>
    /// <param name="device">Where the operators run.</param>
    /// <param name="recording">False for inference: no gradients, no adjoints.</param>
    public Tape(Device device, bool recording = true)
        : this(new Arena(device), recording) => this.ownsArena = true;

    private Tape(Arena arena, bool recording) => (this.arena, this.IsRecording) = (arena, recording);

    /// <summary>Where the operators run.</summary>
    public Device Device => this.arena.Device;

    /// <summary>Whether adjoints are remembered.</summary>
    public bool IsRecording { get; }

    /// <summary>Bytes of device memory that the tape holds.</summary>
    public long HeldBytes => this.arena.HeldBytes;

    /// <summary>Memory that lives until the step or the enclosing scope ends.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="clear">Whether it starts at zero.</param>
    /// <param name="type">How elements are stored; <see cref="Device.ActivationType"/> for what flows between operators.</param>
    public Tensor Rent(Shape shape, bool clear = false, ElementType type = ElementType.Float32) => this.arena.Rent(shape, clear, type);

    /// <summary>Memory of another shape for the type of <paramref name="like"/>: what most operators give back.</summary>
    public Tensor RentLike(Tensor like, Shape shape) => this.arena.Rent(shape, type: like.ElementType);

    /// <summary>Memory of the shape and type of <paramref name="like"/>.</summary>
    public Tensor RentLike(Tensor like) => this.RentLike(like, like.Shape);

    /// <summary>Marks the memory: what is rented until the result is disposed is taken back then. For inference.</summary>
    /// <exception cref="InvalidOperationException">The tape records, so its memory is needed again.</exception>
    public ArenaScope Scope() => this.IsRecording
        ? throw new InvalidOperationException("A recording tape needs its intermediates for the adjoints; scopes are for inference.")
        : this.arena.Scope();

    /// <summary>A constant.</summary>
    public static Variable Constant(Tensor value) => new(value, gradient: null);

    /// <summary>An input whose gradient is wanted and kept until the step ends.</summary>
    public Variable Leaf(Tensor value) => new(value, this.IsRecording ? new Gradient(this, value) : null);

    /// <summary>A parameter: its gradient lives in <paramref name="gradient"/> and is only added to.</summary>
    public Variable Parameter(Tensor value, Tensor gradient) =>
        new(value, this.IsRecording ? new Gradient(gradient) : null);

    /// <summary>The result of an operator.</summary>
    /// <param name="value">The result.</param>
    /// <param name="inputs">What it was computed from; where none wants a gradient nothing is recorded.</param>
    /// <param name="adjoint">Adds the inputs' gradients, given that of the result.</param>
    public Variable Record(Tensor value, ReadOnlySpan<Variable> inputs, Action<Tensor> adjoint)
    {
        if (!this.IsRecording || !Wanted(inputs))
        {
            return Constant(value);
        }

        Gradient gradient = new(this, value);
        this.Push(gradient, value, adjoint);
        return new(value, gradient);
    }

    /// <summary>Two results of one operator.</summary>
    /// <param name="first">The first result.</param>
    /// <param name="second">The second result.</param>
    /// <param name="inputs">What they were computed from; where none wants a gradient nothing is recorded.</param>
    /// <param name="adjoint">Adds the inputs' gradients, given those of the results: null for one that nothing depended on, but not both.</param>
    public (Variable First, Variable Second) Record(
        Tensor first, Tensor second, ReadOnlySpan<Variable> inputs, Action<Tensor?, Tensor?> adjoint)
    {
        if (!this.IsRecording || !Wanted(inputs))
        {
            return (Constant(first), Constant(second));
        }

        Gradient one = new(this, first), other = new(this, second);
        this.nodes.Push(() =>
        {
            if ((one.Read(0, first.Columns), other.Read(0, second.Columns)) is var (a, b) && (a ?? b) is not null)
            {
                adjoint(a, b);
                one.Release();
                other.Release();
            }
        });
        return (new(first, one), new(second, other));
    }

    /// <summary>Runs the adjoints in reverse order of recording, which is a topological order by construction.</summary>
    /// <param name="y">The value to differentiate.</param>
    /// <param name="dy">Its gradient: the seed.</param>
    public void Backward(Variable y, Tensor dy)
    {
        if (y.Sink() is not { } sink)
        {
            throw new InvalidOperationException("Nothing that this value depends on wants a gradient.");
        }

        sink.Tensor.CopyFrom(dy);
        while (this.nodes.TryPop(out Action? node))
        {
            node();
        }
    }

    /// <summary>
    /// Runs <paramref name="block"/> without recording; its adjoint runs it again, recorded, so that only
    /// its input and output stay in memory.
    /// </summary>
    /// <param name="block">A function of its input and of shared inputs, the same each time it runs.</param>
    /// <param name="x">The input.</param>
    /// <param name="shared">A further input, such as the condition.</param>
    public Variable Checkpoint(Func<Tape, Variable, Variable, Variable> block, Variable x, Variable shared)
    {
        if (!this.IsRecording)
        {
            return block(this, x, shared);
        }

        // The block may update its input in place, and the adjoint needs the input again: it gets a copy.
        Tensor y = this.RentLike(x.Value);
        y.CopyFrom(x.Value);
        using (this.arena.Scope())
        {
            Tape inference = new(this.arena, recording: false);
            Tensor result = block(inference, Constant(y), Constant(shared.Value)).Value;
            if (!result.Equals(y))
            {
                y.CopyFrom(result);
            }
        }

        Gradient gradient = new(this, y);
        this.Push(gradient, y, dy =>
        {
            // Rented before the scope opens: they outlive it.
            Sink? dx = x.Sink(), dShared = shared.Sink();
            using (this.arena.Scope())
            {
                Tape child = new(this.arena, recording: true);
                Variable input = child.Leaf(x.Value), condition = child.Leaf(shared.Value);
                child.Backward(block(child, input, condition), dy);
                Deliver(input, dx);
                Deliver(condition, dShared);
            }
        });
        return new(y, gradient);
    }

    /// <summary>Ends the step: forgets every operator and takes back every tensor.</summary>
    public void Reset()
    {
        this.nodes.Clear();
        this.free.Clear();
        this.arena.Reset();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (this.ownsArena)
        {
            this.arena.Dispose();
        }
    }

    internal Tensor RentGradient(Shape shape, ElementType type) =>
        this.free.TryGetValue((shape.Length, type), out Stack<Tensor>? stack) && stack.TryPop(out Tensor tensor)
            ? tensor.Reshape(shape)
            : this.arena.Rent(shape, type: type);

    internal void ReturnGradient(Tensor tensor)
    {
        (long, ElementType) key = (tensor.Shape.Length, tensor.ElementType);
        if (!this.free.TryGetValue(key, out Stack<Tensor>? stack))
        {
            this.free.Add(key, stack = []);
        }

        stack.Push(tensor);
    }

    private static void Deliver(Variable from, Sink? to)
    {
        if (to is not { } sink)
        {
            return;
        }

        if (from.GradientValue is not { } gradient)
        {
            if (!sink.Add)
            {
                sink.Tensor.Clear();
            }
        }
        else if (sink.Add)
        {
            Sum.Accumulate(sink.Tensor.Device, gradient, sink);
        }
        else
        {
            sink.Tensor.CopyFrom(gradient);
        }
    }

    private static bool Wanted(ReadOnlySpan<Variable> inputs)
    {
        foreach (Variable input in inputs)
        {
            if (input.NeedsGradient)
            {
                return true;
            }
        }

        return false;
    }

    private void Push(Gradient gradient, Tensor value, Action<Tensor> adjoint) => this.nodes.Push(() =>
    {
        if (gradient.Read(0, value.Columns) is { } dy)
        {
            adjoint(dy);
            gradient.Release();
        }
    });
}
