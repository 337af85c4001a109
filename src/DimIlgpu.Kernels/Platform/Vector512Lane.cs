using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DimIlgpu.Kernels;

/// <summary>Sixteen adjacent columns: AVX-512.</summary>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly unsafe struct Vector512Lane(Vector512<float> value) : ICpuLane<Vector512Lane>
{
    private readonly Vector512<float> value = value;

    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Of(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Load(Floats memory, long index) => new(Vector512.Load(((float*)memory.Address) + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Floats memory, long index, Vector512Lane value) => value.value.Store(((float*)memory.Address) + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(Floats memory, long index) => CpuLaneMath.Prefetch(((float*)memory.Address) + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(Floats memory, long index) => ((float*)memory.Address)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReadInt(Floats memory, long index) => ((int*)memory.Address)[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane operator +(Vector512Lane a, Vector512Lane b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane operator -(Vector512Lane a, Vector512Lane b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane operator *(Vector512Lane a, Vector512Lane b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane operator /(Vector512Lane a, Vector512Lane b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane operator -(Vector512Lane a) => new(-a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Fma(Vector512Lane a, Vector512Lane b, Vector512Lane c) => new(Vector512.FusedMultiplyAdd(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Max(Vector512Lane a, Vector512Lane b) => new(Vector512.Max(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Min(Vector512Lane a, Vector512Lane b) => new(Vector512.Min(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Sqrt(Vector512Lane x) => new(Vector512.Sqrt(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Exp2(Vector512Lane x)
    {
        // CpuLaneMath.Exp2 for this width, written out: the scan calls it sixteen times a token, and each nested
        // call counts against what the JIT is willing to inline.
        Vector512<float> y = Vector512.Max(x.value, Vector512.Create(-126f));
        Vector512<float> k = Vector512.Round(y);
        Vector512<float> f = y - k;
        Vector512<float> p = Vector512.FusedMultiplyAdd(Vector512.Create(1.326474984e-3f), f, Vector512.Create(9.671520617e-3f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(5.550733763e-2f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(2.402224196e-1f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(6.931469775e-1f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(1f));
        return new(p * Vector512.ShiftLeft(Vector512.ConvertToInt32Native(k) + Vector512.Create(127), 23).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Exp(Vector512Lane x) => CpuLaneMath.Exp(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Log(Vector512Lane x) => CpuLaneMath.Log(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Sigmoid(Vector512Lane x) => CpuLaneMath.Sigmoid(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Tanh(Vector512Lane x) => CpuLaneMath.Tanh(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Softplus(Vector512Lane x) => CpuLaneMath.Softplus(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane WhereGreater(Vector512Lane a, Vector512Lane b, Vector512Lane yes, Vector512Lane no) =>
        new(Vector512.ConditionalSelect(Vector512.GreaterThan(a.value, b.value), yes.value, no.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512Lane x) => Vector512.Sum(x.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane LoadFrom(float* address) => new(Vector512.Load(address));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTo(float* address, Vector512Lane value) => value.value.Store(address);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Round(Vector512Lane x) => new(Vector512.Round(x.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Abs(Vector512Lane x) => new(Vector512.Abs(x.value));

    // Of a pair with a NaN, x86 takes the second.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Clamp(Vector512Lane x, float lowest, float highest) =>
        new(Vector512.MinNative(Vector512.Create(highest), Vector512.MaxNative(Vector512.Create(lowest), x.value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Scale(Vector512Lane x, Vector512Lane k)
    {
        if (Avx512F.IsSupported)
        {
            return new(Avx512F.Scale(x.value, k.value));
        }

        Vector512<int> whole = Vector512.ConvertToInt32Native(k.value), half = Vector512.ShiftRightArithmetic(whole, 1), bias = Vector512.Create(127);
        return new(x.value * Vector512.ShiftLeft(half + bias, 23).AsSingle() * Vector512.ShiftLeft(whole - half + bias, 23).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Split(Vector512Lane x, out Vector512Lane exponent)
    {
        Vector512<int> bits = x.value.AsInt32(), k = Vector512.ShiftRightArithmetic(bits - Vector512.Create(CpuLaneMath.RootHalf), 23);
        exponent = new(Vector512.ConvertToSingle(k));
        return new((bits - Vector512.ShiftLeft(k, 23)).AsSingle());
    }
}
