using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DimIlgpu.Kernels;

/// <summary>Eight adjacent columns: AVX2.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct Vector256Lane(Vector256<float> value) : ICpuLane<Vector256Lane>
{
    private readonly Vector256<float> value = value;

    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Of(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Load(Floats memory, long index) => new(Vector256.Load(((float*)memory.Address) + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Floats memory, long index, Vector256Lane value) => value.value.Store(((float*)memory.Address) + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(Floats memory, long index) => CpuLaneMath.PrefetchNear(((float*)memory.Address) + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(Floats memory, long index) => ((float*)memory.Address)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReadInt(Floats memory, long index) => ((int*)memory.Address)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane operator +(Vector256Lane a, Vector256Lane b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane operator -(Vector256Lane a, Vector256Lane b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane operator *(Vector256Lane a, Vector256Lane b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane operator /(Vector256Lane a, Vector256Lane b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane operator -(Vector256Lane a) => new(-a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Fma(Vector256Lane a, Vector256Lane b, Vector256Lane c) => new(Vector256.FusedMultiplyAdd(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Max(Vector256Lane a, Vector256Lane b) => new(Vector256.Max(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Min(Vector256Lane a, Vector256Lane b) => new(Vector256.Min(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Sqrt(Vector256Lane x) => new(Vector256.Sqrt(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Exp2(Vector256Lane x, Vector256Lane y)
    {
        // CpuLaneMath.Exp2 for this width, written out: the scan calls it sixteen times a token, and each nested
        // call counts against what the JIT is willing to inline.
        Vector256<float> magic = Vector256.Create(CpuLaneMath.RoundingShift);
        Vector256<float> z = Vector256.Max(x.value * y.value, Vector256.Create(-126f));
        Vector256<float> k = z + magic;
        Vector256<float> f = z - (k - magic);
        Vector256<float> p = Vector256.FusedMultiplyAdd(Vector256.Create(1.326474984e-3f), f, Vector256.Create(9.671520617e-3f));
        p = Vector256.FusedMultiplyAdd(p, f, Vector256.Create(5.550733763e-2f));
        p = Vector256.FusedMultiplyAdd(p, f, Vector256.Create(2.402224196e-1f));
        p = Vector256.FusedMultiplyAdd(p, f, Vector256.Create(6.931469775e-1f));
        p = Vector256.FusedMultiplyAdd(p, f, Vector256.Create(1f));
        return new((p.AsInt32() + Vector256.ShiftLeft(k.AsInt32(), 23)).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<Vector256Lane> Exp2(Vector256Lane x, Quad<Vector256Lane> y) =>
        new() { X = Exp2(x, y.X), Y = Exp2(x, y.Y), Z = Exp2(x, y.Z), W = Exp2(x, y.W) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Exp(Vector256Lane x) => CpuLaneMath.Exp(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Log(Vector256Lane x) => CpuLaneMath.Log(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Sigmoid(Vector256Lane x) => CpuLaneMath.Sigmoid(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Tanh(Vector256Lane x) => CpuLaneMath.Tanh(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Softplus(Vector256Lane x) => CpuLaneMath.Softplus(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane WhereGreater(Vector256Lane a, Vector256Lane b, Vector256Lane yes, Vector256Lane no) =>
        new(Vector256.ConditionalSelect(Vector256.GreaterThan(a.value, b.value), yes.value, no.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256Lane x) => Vector256.Sum(x.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane LoadFrom(float* address) => new(Vector256.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTo(float* address, Vector256Lane value) => value.value.Store(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Round(Vector256Lane x) => new(Vector256.Round(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Abs(Vector256Lane x) => new(Vector256.Abs(x.value));

    // Of a pair with a NaN, x86 takes the second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Clamp(Vector256Lane x, float lowest, float highest) =>
        new(Vector256.MinNative(Vector256.Create(highest), Vector256.MaxNative(Vector256.Create(lowest), x.value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane AtLeast(Vector256Lane x, float lowest) => new(Vector256.MaxNative(Vector256.Create(lowest), x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Scale(Vector256Lane x, Vector256Lane k)
    {
        Vector256<int> whole = Vector256.ConvertToInt32Native(k.value), half = Vector256.ShiftRightArithmetic(whole, 1), bias = Vector256.Create(127);
        return new(x.value * Vector256.ShiftLeft(half + bias, 23).AsSingle() * Vector256.ShiftLeft(whole - half + bias, 23).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256Lane Split(Vector256Lane x, out Vector256Lane exponent)
    {
        Vector256<int> bits = x.value.AsInt32(), k = Vector256.ShiftRightArithmetic(bits - Vector256.Create(CpuLaneMath.RootHalf), 23);
        exponent = new(Vector256.ConvertToSingle(k));
        return new((bits - Vector256.ShiftLeft(k, 23)).AsSingle());
    }
}
