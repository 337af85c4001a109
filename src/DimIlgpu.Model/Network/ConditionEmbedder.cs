using DimIlgpu.Autograd;
using DimIlgpu.Kernels;

namespace DimIlgpu.Model;

/// <summary>The embeddings of time, MLP(sinusoid(t)), and of the class; their sum is the condition c.</summary>
internal sealed class ConditionEmbedder
{
    private readonly ParameterStore store;
    private readonly Parameter timeIn, timeInBias, timeOut, timeOutBias, labels;

    public ConditionEmbedder(ParameterStore store, DimOptions options)
    {
        this.store = store;
        int d = options.Width;
        this.timeIn = store.Declare("time.fc1.weight", new(d, TimestepFeatures.DefaultWidth));
        this.timeInBias = store.Declare("time.fc1.bias", new(1, d), decays: false);
        this.timeOut = store.Declare("time.fc2.weight", new(d, d));
        this.timeOutBias = store.Declare("time.fc2.bias", new(1, d), decays: false);
        this.labels = store.Declare("label.weight", new(options.Classes + 1, d));
    }

    public Variable Time(Tape tape, Tensor features)
    {
        Variable hidden = tape.Linear(Tape.Constant(features), this.Use(tape, this.timeIn), this.Use(tape, this.timeInBias));
        return tape.Linear(tape.Silu(hidden), this.Use(tape, this.timeOut), this.Use(tape, this.timeOutBias));
    }

    public Variable Label(Tape tape, Tensor label) => tape.Embedding(this.Use(tape, this.labels), label);

    public void Initialize(RandomSequence random)
    {
        foreach (Parameter parameter in new[] { this.timeIn, this.timeOut, this.labels })
        {
            parameter.Fill(() => 0.02f * (float)random.NextNormal());
        }
    }

    private Variable Use(Tape tape, Parameter parameter) => this.store.Use(tape, parameter);
}
