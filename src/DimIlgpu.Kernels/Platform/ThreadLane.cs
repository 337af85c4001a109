using ILGPU;
using ILGPU.Algorithms;

namespace DimIlgpu.Kernels;

/// <summary>One float of one thread: CUDA, OpenCL, and the CPU accelerator's simulated threads.</summary>
internal readonly struct ThreadLane(float value) : ILane<ThreadLane>
{
    private readonly float value = value;

    public static int Count => 1;

    public static ThreadLane Of(float value) => new(value);

    public static ThreadLane Load(Floats memory, long index) => new(Read(memory, index));

    public static void Store(Floats memory, long index, ThreadLane value)
    {
        if (memory.IsNarrow != 0)
        {
            memory.Halves[index] = BFloat16.Round(value.value);
        }
        else
        {
            memory.View[index] = value.value;
        }
    }

    public static void Prefetch(Floats memory, long index)
    {
    }

    public static float Read(Floats memory, long index) =>
        memory.IsNarrow != 0 ? BFloat16.Widen(memory.Halves[index]) : memory.View[index];

    public static int ReadInt(Floats memory, long index) => (int)Interop.FloatAsInt(memory.View[index]);

    public static ThreadLane operator +(ThreadLane a, ThreadLane b) => new(a.value + b.value);

    public static ThreadLane operator -(ThreadLane a, ThreadLane b) => new(a.value - b.value);

    public static ThreadLane operator *(ThreadLane a, ThreadLane b) => new(a.value * b.value);

    public static ThreadLane operator /(ThreadLane a, ThreadLane b) => new(a.value / b.value);

    public static ThreadLane operator -(ThreadLane a) => new(-a.value);

    // Contracted to one instruction by ptxas and by OpenCL compilers; MathF.FusedMultiplyAdd fails in both.
    public static ThreadLane Fma(ThreadLane a, ThreadLane b, ThreadLane c) => new((a.value * b.value) + c.value);

    public static ThreadLane Max(ThreadLane a, ThreadLane b) => new(XMath.Max(a.value, b.value));

    public static ThreadLane Min(ThreadLane a, ThreadLane b) => new(XMath.Min(a.value, b.value));

    public static ThreadLane Sqrt(ThreadLane x) => new(XMath.Sqrt(x.value));

    public static ThreadLane Exp2(ThreadLane x, ThreadLane y) => new(XMath.Exp2(x.value * y.value));

    public static Quad<ThreadLane> Exp2(ThreadLane x, Quad<ThreadLane> y) =>
        new() { X = Exp2(x, y.X), Y = Exp2(x, y.Y), Z = Exp2(x, y.Z), W = Exp2(x, y.W) };

    public static ThreadLane Exp(ThreadLane x) => new(XMath.Exp(x.value));

    public static ThreadLane Log(ThreadLane x) => new(XMath.Log(x.value));

    public static ThreadLane Sigmoid(ThreadLane x) => Of(1f) / (Of(1f) + Exp(-x));

    public static ThreadLane Tanh(ThreadLane x) => Of(1f) - (Of(2f) / (Exp(x + x) + Of(1f)));

    // Below u = e^x = 0.1 the series of ln(1 + u) keeps the relative accuracy of small results, where Δ lives: 1 + u
    // would round, and the logarithm has only absolute accuracy near 1. Above 20 the identity, as in the published Mamba.
    public static ThreadLane Softplus(ThreadLane x)
    {
        ThreadLane u = Exp(Min(x, Of(20f)));
        ThreadLane p = Fma(Of(-1f / 6f), u, Of(0.2f));
        p = Fma(p, u, Of(-0.25f));
        p = Fma(p, u, Of(1f / 3f));
        p = Fma(p, u, Of(-0.5f));
        p = Fma(p, u, Of(1f));
        ThreadLane log = WhereGreater(u, Of(0.1f), Log(Of(1f) + u), p * u);
        return WhereGreater(x, Of(20f), x, log);
    }

    public static ThreadLane WhereGreater(ThreadLane a, ThreadLane b, ThreadLane yes, ThreadLane no) =>
        a.value > b.value ? yes : no;

    public static float Sum(ThreadLane x) => x.value;
}
