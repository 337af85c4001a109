using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One column on the CPU: what is left where a row is no multiple of a vector.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct ScalarLane(float value) : ICpuLane<ScalarLane>
{
    private readonly float value = value;

    public static int Count => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Of(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Load(Floats memory, long index) => new(((float*)memory.Address)[index]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Floats memory, long index, ScalarLane value) => ((float*)memory.Address)[index] = value.value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(Floats memory, long index) => CpuLaneMath.PrefetchNear(((float*)memory.Address) + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(Floats memory, long index) => ((float*)memory.Address)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReadInt(Floats memory, long index) => ((int*)memory.Address)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane operator +(ScalarLane a, ScalarLane b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane operator -(ScalarLane a, ScalarLane b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane operator *(ScalarLane a, ScalarLane b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane operator /(ScalarLane a, ScalarLane b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane operator -(ScalarLane a) => new(-a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Fma(ScalarLane a, ScalarLane b, ScalarLane c) =>
        new(MathF.FusedMultiplyAdd(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Max(ScalarLane a, ScalarLane b) => new(MathF.Max(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Min(ScalarLane a, ScalarLane b) => new(MathF.Min(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Sqrt(ScalarLane x) => new(MathF.Sqrt(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Exp2(ScalarLane x, ScalarLane y) => CpuLaneMath.Exp2(x * y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<ScalarLane> Exp2(ScalarLane x, Quad<ScalarLane> y) =>
        new() { X = Exp2(x, y.X), Y = Exp2(x, y.Y), Z = Exp2(x, y.Z), W = Exp2(x, y.W) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Exp(ScalarLane x) => CpuLaneMath.Exp(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Log(ScalarLane x) => CpuLaneMath.Log(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Sigmoid(ScalarLane x) => CpuLaneMath.Sigmoid(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Tanh(ScalarLane x) => CpuLaneMath.Tanh(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Softplus(ScalarLane x) => CpuLaneMath.Softplus(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane WhereGreater(ScalarLane a, ScalarLane b, ScalarLane yes, ScalarLane no) =>
        a.value > b.value ? yes : no;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(ScalarLane x) => x.value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane LoadFrom(float* address) => new(*address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTo(float* address, ScalarLane value) => *address = value.value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Round(ScalarLane x) => new(MathF.Round(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Abs(ScalarLane x) => new(MathF.Abs(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Clamp(ScalarLane x, float lowest, float highest) => new(Math.Clamp(x.value, lowest, highest));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane AtLeast(ScalarLane x, float lowest) => x.value < lowest ? new(lowest) : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Scale(ScalarLane x, ScalarLane k)
    {
        int whole = (int)k.value, half = whole >> 1;
        return new(
            x.value * BitConverter.Int32BitsToSingle((half + 127) << 23) * BitConverter.Int32BitsToSingle((whole - half + 127) << 23));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane Split(ScalarLane x, out ScalarLane exponent)
    {
        int bits = BitConverter.SingleToInt32Bits(x.value), k = (bits - CpuLaneMath.RootHalf) >> 23;
        exponent = new(k);
        return new(BitConverter.Int32BitsToSingle(bits - (k << 23)));
    }
}
