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
    public static void Prefetch(Floats memory, long index) => CpuLaneMath.PrefetchNear(((float*)memory.Address) + index);

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
    public static Vector512Lane Exp2(Vector512Lane x, Vector512Lane y) => CpuLaneMath.Exp2(x * y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<Vector512Lane> Exp2(Vector512Lane x, Quad<Vector512Lane> y)
    {
        if (!Avx512F.IsSupported)
        {
            return new() { X = Exp2(x, y.X), Y = Exp2(x, y.Y), Z = Exp2(x, y.Z), W = Exp2(x, y.W) };
        }

        // CpuLaneMath.Exp2 written out, for the JIT inlines only so much, and four at a time, because each step waits for
        // the one before it. The product is never rounded, and a scaling that underflows by itself needs no lower limit.
        Vector512<float> shift = Vector512.Create(CpuLaneMath.RoundingShift);
        Vector512<float> xk = Vector512.FusedMultiplyAdd(x.value, y.X.value, shift) - shift;
        Vector512<float> yk = Vector512.FusedMultiplyAdd(x.value, y.Y.value, shift) - shift;
        Vector512<float> zk = Vector512.FusedMultiplyAdd(x.value, y.Z.value, shift) - shift;
        Vector512<float> wk = Vector512.FusedMultiplyAdd(x.value, y.W.value, shift) - shift;
        Vector512<float> xf = Avx512F.FusedMultiplySubtract(x.value, y.X.value, xk);
        Vector512<float> yf = Avx512F.FusedMultiplySubtract(x.value, y.Y.value, yk);
        Vector512<float> zf = Avx512F.FusedMultiplySubtract(x.value, y.Z.value, zk);
        Vector512<float> wf = Avx512F.FusedMultiplySubtract(x.value, y.W.value, wk);
        Vector512<float> first = Vector512.Create(1.326474984e-3f), next = Vector512.Create(9.671520617e-3f);
        Vector512<float> xp = Vector512.FusedMultiplyAdd(first, xf, next);
        Vector512<float> yp = Vector512.FusedMultiplyAdd(first, yf, next);
        Vector512<float> zp = Vector512.FusedMultiplyAdd(first, zf, next);
        Vector512<float> wp = Vector512.FusedMultiplyAdd(first, wf, next);
        next = Vector512.Create(5.550733763e-2f);
        xp = Vector512.FusedMultiplyAdd(xp, xf, next);
        yp = Vector512.FusedMultiplyAdd(yp, yf, next);
        zp = Vector512.FusedMultiplyAdd(zp, zf, next);
        wp = Vector512.FusedMultiplyAdd(wp, wf, next);
        next = Vector512.Create(2.402224196e-1f);
        xp = Vector512.FusedMultiplyAdd(xp, xf, next);
        yp = Vector512.FusedMultiplyAdd(yp, yf, next);
        zp = Vector512.FusedMultiplyAdd(zp, zf, next);
        wp = Vector512.FusedMultiplyAdd(wp, wf, next);
        next = Vector512.Create(6.931469775e-1f);
        xp = Vector512.FusedMultiplyAdd(xp, xf, next);
        yp = Vector512.FusedMultiplyAdd(yp, yf, next);
        zp = Vector512.FusedMultiplyAdd(zp, zf, next);
        wp = Vector512.FusedMultiplyAdd(wp, wf, next);
        next = Vector512.Create(1f);
        xp = Vector512.FusedMultiplyAdd(xp, xf, next);
        yp = Vector512.FusedMultiplyAdd(yp, yf, next);
        zp = Vector512.FusedMultiplyAdd(zp, zf, next);
        wp = Vector512.FusedMultiplyAdd(wp, wf, next);
        y.X = new(Avx512F.Scale(xp, xk));
        y.Y = new(Avx512F.Scale(yp, yk));
        y.Z = new(Avx512F.Scale(zp, zk));
        y.W = new(Avx512F.Scale(wp, wk));
        return y;
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
    public static Vector512Lane AtLeast(Vector512Lane x, float lowest) => new(Vector512.MaxNative(Vector512.Create(lowest), x.value));

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
