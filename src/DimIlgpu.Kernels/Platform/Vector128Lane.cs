using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DimIlgpu.Kernels;

/// <summary>Four adjacent columns: SSE and Arm's NEON.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct Vector128Lane(Vector128<float> value) : ICpuLane<Vector128Lane>
{
    private readonly Vector128<float> value = value;

    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Of(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Load(Floats memory, long index) => new(Vector128.Load(((float*)memory.Address) + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Floats memory, long index, Vector128Lane value) => value.value.Store(((float*)memory.Address) + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(Floats memory, long index) => CpuLaneMath.PrefetchNear(((float*)memory.Address) + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(Floats memory, long index) => ((float*)memory.Address)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReadInt(Floats memory, long index) => ((int*)memory.Address)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane operator +(Vector128Lane a, Vector128Lane b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane operator -(Vector128Lane a, Vector128Lane b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane operator *(Vector128Lane a, Vector128Lane b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane operator /(Vector128Lane a, Vector128Lane b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane operator -(Vector128Lane a) => new(-a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Fma(Vector128Lane a, Vector128Lane b, Vector128Lane c) => new(Vector128.FusedMultiplyAdd(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Max(Vector128Lane a, Vector128Lane b) => new(Vector128.Max(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Min(Vector128Lane a, Vector128Lane b) => new(Vector128.Min(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Sqrt(Vector128Lane x) => new(Vector128.Sqrt(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Exp2(Vector128Lane x, Vector128Lane y)
    {
        // CpuLaneMath.Exp2 for this width, written out: the scan calls it sixteen times a token, and each nested
        // call counts against what the JIT is willing to inline.
        Vector128<float> magic = Vector128.Create(CpuLaneMath.RoundingShift);
        Vector128<float> z = Vector128.Max(x.value * y.value, Vector128.Create(-126f));
        Vector128<float> k = z + magic;
        Vector128<float> f = z - (k - magic);
        Vector128<float> p = Vector128.FusedMultiplyAdd(Vector128.Create(1.326474984e-3f), f, Vector128.Create(9.671520617e-3f));
        p = Vector128.FusedMultiplyAdd(p, f, Vector128.Create(5.550733763e-2f));
        p = Vector128.FusedMultiplyAdd(p, f, Vector128.Create(2.402224196e-1f));
        p = Vector128.FusedMultiplyAdd(p, f, Vector128.Create(6.931469775e-1f));
        p = Vector128.FusedMultiplyAdd(p, f, Vector128.Create(1f));
        return new((p.AsInt32() + Vector128.ShiftLeft(k.AsInt32(), 23)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<Vector128Lane> Exp2(Vector128Lane x, Quad<Vector128Lane> y) =>
        new() { X = Exp2(x, y.X), Y = Exp2(x, y.Y), Z = Exp2(x, y.Z), W = Exp2(x, y.W) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Exp(Vector128Lane x) => CpuLaneMath.Exp(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Log(Vector128Lane x) => CpuLaneMath.Log(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Sigmoid(Vector128Lane x) => CpuLaneMath.Sigmoid(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Tanh(Vector128Lane x) => CpuLaneMath.Tanh(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Softplus(Vector128Lane x) => CpuLaneMath.Softplus(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane WhereGreater(Vector128Lane a, Vector128Lane b, Vector128Lane yes, Vector128Lane no) =>
        new(Vector128.ConditionalSelect(Vector128.GreaterThan(a.value, b.value), yes.value, no.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128Lane x) => Vector128.Sum(x.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane LoadFrom(float* address) => new(Vector128.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTo(float* address, Vector128Lane value) => value.value.Store(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Round(Vector128Lane x) => new(Vector128.Round(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Abs(Vector128Lane x) => new(Vector128.Abs(x.value));

    // Of a pair with a NaN, x86 takes the second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Clamp(Vector128Lane x, float lowest, float highest) =>
        new(Vector128.MinNative(Vector128.Create(highest), Vector128.MaxNative(Vector128.Create(lowest), x.value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane AtLeast(Vector128Lane x, float lowest) => new(Vector128.MaxNative(Vector128.Create(lowest), x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Scale(Vector128Lane x, Vector128Lane k)
    {
        Vector128<int> whole = Vector128.ConvertToInt32Native(k.value), half = Vector128.ShiftRightArithmetic(whole, 1), bias = Vector128.Create(127);
        return new(x.value * Vector128.ShiftLeft(half + bias, 23).AsSingle() * Vector128.ShiftLeft(whole - half + bias, 23).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128Lane Split(Vector128Lane x, out Vector128Lane exponent)
    {
        Vector128<int> bits = x.value.AsInt32(), k = Vector128.ShiftRightArithmetic(bits - Vector128.Create(CpuLaneMath.RootHalf), 23);
        exponent = new(Vector128.ConvertToSingle(k));
        return new((bits - Vector128.ShiftLeft(k, 23)).AsSingle());
    }
}
