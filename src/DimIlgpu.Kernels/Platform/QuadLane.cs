using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Four adjacent columns of one thread, which travel as 16 bytes, or as 8 where they are bfloat16.</summary>
/// <remarks>Columns that do not start at a multiple of four elements, or of memory that does not, travel one by one.</remarks>
internal readonly struct QuadLane(ThreadLane x, ThreadLane y, ThreadLane z, ThreadLane w) : ILane<QuadLane>
{
    private readonly ThreadLane x = x, y = y, z = z, w = w;

    public static int Count => 4;

    public static QuadLane Of(float value)
    {
        ThreadLane lane = ThreadLane.Of(value);
        return new(lane, lane, lane, lane);
    }

    public static QuadLane Of(FloatQuad quad) =>
        new(ThreadLane.Of(quad.X), ThreadLane.Of(quad.Y), ThreadLane.Of(quad.Z), ThreadLane.Of(quad.W));

    /// <summary>The four as one value.</summary>
    public static FloatQuad ToQuad(QuadLane lane) =>
        new(ThreadLane.Sum(lane.x), ThreadLane.Sum(lane.y), ThreadLane.Sum(lane.z), ThreadLane.Sum(lane.w));

    public static QuadLane Load(Floats memory, long index)
    {
        if (((int)index & 3) + memory.Phase != 0)
        {
            return new(
                ThreadLane.Load(memory, index), ThreadLane.Load(memory, index + 1),
                ThreadLane.Load(memory, index + 2), ThreadLane.Load(memory, index + 3));
        }

        if (memory.IsNarrow != 0)
        {
            WordPair pair = memory.Halves.Cast<WordPair>()[index >> 2];
            return new(Lower(pair.X), Upper(pair.X), Lower(pair.Y), Upper(pair.Y));
        }

        return Of(memory.View.Cast<FloatQuad>()[index >> 2]);
    }

    public static void Store(Floats memory, long index, QuadLane value)
    {
        if (((int)index & 3) + memory.Phase != 0)
        {
            ThreadLane.Store(memory, index, value.x);
            ThreadLane.Store(memory, index + 1, value.y);
            ThreadLane.Store(memory, index + 2, value.z);
            ThreadLane.Store(memory, index + 3, value.w);
        }
        else if (memory.IsNarrow != 0)
        {
            memory.Halves.Cast<WordPair>()[index >> 2] = new() { X = Pair(value.x, value.y), Y = Pair(value.z, value.w) };
        }
        else
        {
            memory.View.Cast<FloatQuad>()[index >> 2] = ToQuad(value);
        }
    }

    public static void Prefetch(Floats memory, long index)
    {
    }

    public static float Read(Floats memory, long index) => ThreadLane.Read(memory, index);

    public static int ReadInt(Floats memory, long index) => ThreadLane.ReadInt(memory, index);

    public static QuadLane operator +(QuadLane a, QuadLane b) => new(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);

    public static QuadLane operator -(QuadLane a, QuadLane b) => new(a.x - b.x, a.y - b.y, a.z - b.z, a.w - b.w);

    public static QuadLane operator *(QuadLane a, QuadLane b) => new(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w);

    public static QuadLane operator /(QuadLane a, QuadLane b) => new(a.x / b.x, a.y / b.y, a.z / b.z, a.w / b.w);

    public static QuadLane operator -(QuadLane a) => new(-a.x, -a.y, -a.z, -a.w);

    public static QuadLane Fma(QuadLane a, QuadLane b, QuadLane c) => new(
        ThreadLane.Fma(a.x, b.x, c.x), ThreadLane.Fma(a.y, b.y, c.y), ThreadLane.Fma(a.z, b.z, c.z), ThreadLane.Fma(a.w, b.w, c.w));

    public static QuadLane Max(QuadLane a, QuadLane b) =>
        new(ThreadLane.Max(a.x, b.x), ThreadLane.Max(a.y, b.y), ThreadLane.Max(a.z, b.z), ThreadLane.Max(a.w, b.w));

    public static QuadLane Min(QuadLane a, QuadLane b) =>
        new(ThreadLane.Min(a.x, b.x), ThreadLane.Min(a.y, b.y), ThreadLane.Min(a.z, b.z), ThreadLane.Min(a.w, b.w));

    public static QuadLane Sqrt(QuadLane x) => new(ThreadLane.Sqrt(x.x), ThreadLane.Sqrt(x.y), ThreadLane.Sqrt(x.z), ThreadLane.Sqrt(x.w));

    public static QuadLane Exp2(QuadLane x, QuadLane y) =>
        new(ThreadLane.Exp2(x.x, y.x), ThreadLane.Exp2(x.y, y.y), ThreadLane.Exp2(x.z, y.z), ThreadLane.Exp2(x.w, y.w));

    public static Quad<QuadLane> Exp2(QuadLane x, Quad<QuadLane> y) =>
        new() { X = Exp2(x, y.X), Y = Exp2(x, y.Y), Z = Exp2(x, y.Z), W = Exp2(x, y.W) };

    public static QuadLane Exp(QuadLane x) => new(ThreadLane.Exp(x.x), ThreadLane.Exp(x.y), ThreadLane.Exp(x.z), ThreadLane.Exp(x.w));

    public static QuadLane Log(QuadLane x) => new(ThreadLane.Log(x.x), ThreadLane.Log(x.y), ThreadLane.Log(x.z), ThreadLane.Log(x.w));

    public static QuadLane Sigmoid(QuadLane x) =>
        new(ThreadLane.Sigmoid(x.x), ThreadLane.Sigmoid(x.y), ThreadLane.Sigmoid(x.z), ThreadLane.Sigmoid(x.w));

    public static QuadLane Tanh(QuadLane x) => new(ThreadLane.Tanh(x.x), ThreadLane.Tanh(x.y), ThreadLane.Tanh(x.z), ThreadLane.Tanh(x.w));

    public static QuadLane Softplus(QuadLane x) =>
        new(ThreadLane.Softplus(x.x), ThreadLane.Softplus(x.y), ThreadLane.Softplus(x.z), ThreadLane.Softplus(x.w));

    public static QuadLane WhereGreater(QuadLane a, QuadLane b, QuadLane yes, QuadLane no) => new(
        ThreadLane.WhereGreater(a.x, b.x, yes.x, no.x), ThreadLane.WhereGreater(a.y, b.y, yes.y, no.y),
        ThreadLane.WhereGreater(a.z, b.z, yes.z, no.z), ThreadLane.WhereGreater(a.w, b.w, yes.w, no.w));

    public static float Sum(QuadLane x) => ThreadLane.Sum((x.x + x.y) + (x.z + x.w));

    private static ThreadLane Lower(int pair) => ThreadLane.Of(Interop.IntAsFloat((uint)pair << 16));

    private static ThreadLane Upper(int pair) => ThreadLane.Of(Interop.IntAsFloat((uint)pair & 0xffff0000u));

    private static int Pair(ThreadLane low, ThreadLane high) => TensorCores.RoundBFloat16(ThreadLane.Sum(low), ThreadLane.Sum(high));
}
