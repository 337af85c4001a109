using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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
    public static Vector512Lane Load(Floats memory, long index) => new(Vector512.Load(memory.Pointer + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Floats memory, long index, Vector512Lane value) => value.value.Store(memory.Pointer + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(Floats memory, long index) => memory.Pointer[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReadInt(Floats memory, long index) => ((int*)memory.Pointer)[index];

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
    public static Vector512Lane Exp2(Vector512Lane x) => CpuLaneMath.Exp2(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Exp(Vector512Lane x) => CpuLaneMath.Exp(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Log(Vector512Lane x) => CpuLaneMath.Log(x);

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
    public static Vector512Lane Scale(Vector512Lane x, Vector512Lane k) => new(
        x.value * Vector512.ShiftLeft(Vector512.ConvertToInt32Native(k.value) + Vector512.Create(127), 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512Lane Split(Vector512Lane x, out Vector512Lane exponent)
    {
        Vector512<int> bits = x.value.AsInt32();
        exponent = new(Vector512.ConvertToSingle(Vector512.ShiftRightArithmetic(bits, 23) - Vector512.Create(127)));
        return new((bits & Vector512.Create(0x007fffff) | Vector512.Create(0x3f800000)).AsSingle());
    }
}
