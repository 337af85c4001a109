using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>Four adjacent registers of the CPU as one lane.</summary>
/// <remarks>
/// A kernel's scalar part, which costs as much as ten vector operations, is then done once for four registers; a walk down
/// rows takes whole stretches of each, as the processor's prefetcher wants them; and sums do not wait for themselves.
/// </remarks>
[method: MethodImpl(MethodImplOptions.AggressiveInlining)]
internal readonly struct FourLane<T>(T x, T y, T z, T w) : ILane<FourLane<T>>
    where T : unmanaged, ILane<T>
{
    private readonly T x = x, y = y, z = z, w = w;

    public static int Count => 4 * T.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Of(float value)
    {
        T lane = T.Of(value);
        return new(lane, lane, lane, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Load(Floats memory, long index) => new(
        T.Load(memory, index), T.Load(memory, index + T.Count), T.Load(memory, index + (2 * T.Count)), T.Load(memory, index + (3 * T.Count)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Floats memory, long index, FourLane<T> value)
    {
        T.Store(memory, index, value.x);
        T.Store(memory, index + T.Count, value.y);
        T.Store(memory, index + (2 * T.Count), value.z);
        T.Store(memory, index + (3 * T.Count), value.w);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(Floats memory, long index)
    {
        for (int i = 0; i < 4; i++)
        {
            T.Prefetch(memory, index + (i * T.Count));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Read(Floats memory, long index) => T.Read(memory, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReadInt(Floats memory, long index) => T.ReadInt(memory, index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> operator +(FourLane<T> a, FourLane<T> b) => new(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> operator -(FourLane<T> a, FourLane<T> b) => new(a.x - b.x, a.y - b.y, a.z - b.z, a.w - b.w);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> operator *(FourLane<T> a, FourLane<T> b) => new(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> operator /(FourLane<T> a, FourLane<T> b) => new(a.x / b.x, a.y / b.y, a.z / b.z, a.w / b.w);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> operator -(FourLane<T> a) => new(-a.x, -a.y, -a.z, -a.w);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Fma(FourLane<T> a, FourLane<T> b, FourLane<T> c) =>
        new(T.Fma(a.x, b.x, c.x), T.Fma(a.y, b.y, c.y), T.Fma(a.z, b.z, c.z), T.Fma(a.w, b.w, c.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Max(FourLane<T> a, FourLane<T> b) => new(T.Max(a.x, b.x), T.Max(a.y, b.y), T.Max(a.z, b.z), T.Max(a.w, b.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Min(FourLane<T> a, FourLane<T> b) => new(T.Min(a.x, b.x), T.Min(a.y, b.y), T.Min(a.z, b.z), T.Min(a.w, b.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Sqrt(FourLane<T> x) => new(T.Sqrt(x.x), T.Sqrt(x.y), T.Sqrt(x.z), T.Sqrt(x.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Exp2(FourLane<T> x, FourLane<T> y) => new(T.Exp2(x.x, y.x), T.Exp2(x.y, y.y), T.Exp2(x.z, y.z), T.Exp2(x.w, y.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Quad<FourLane<T>> Exp2(FourLane<T> x, Quad<FourLane<T>> y)
    {
        Quad<T> a = T.Exp2(x.x, new Quad<T> { X = y.X.x, Y = y.Y.x, Z = y.Z.x, W = y.W.x });
        Quad<T> b = T.Exp2(x.y, new Quad<T> { X = y.X.y, Y = y.Y.y, Z = y.Z.y, W = y.W.y });
        Quad<T> c = T.Exp2(x.z, new Quad<T> { X = y.X.z, Y = y.Y.z, Z = y.Z.z, W = y.W.z });
        Quad<T> d = T.Exp2(x.w, new Quad<T> { X = y.X.w, Y = y.Y.w, Z = y.Z.w, W = y.W.w });
        return new() { X = new(a.X, b.X, c.X, d.X), Y = new(a.Y, b.Y, c.Y, d.Y), Z = new(a.Z, b.Z, c.Z, d.Z), W = new(a.W, b.W, c.W, d.W) };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Exp(FourLane<T> x) => new(T.Exp(x.x), T.Exp(x.y), T.Exp(x.z), T.Exp(x.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Log(FourLane<T> x) => new(T.Log(x.x), T.Log(x.y), T.Log(x.z), T.Log(x.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Sigmoid(FourLane<T> x) => new(T.Sigmoid(x.x), T.Sigmoid(x.y), T.Sigmoid(x.z), T.Sigmoid(x.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Tanh(FourLane<T> x) => new(T.Tanh(x.x), T.Tanh(x.y), T.Tanh(x.z), T.Tanh(x.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> Softplus(FourLane<T> x) => new(T.Softplus(x.x), T.Softplus(x.y), T.Softplus(x.z), T.Softplus(x.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourLane<T> WhereGreater(FourLane<T> a, FourLane<T> b, FourLane<T> yes, FourLane<T> no) => new(
        T.WhereGreater(a.x, b.x, yes.x, no.x), T.WhereGreater(a.y, b.y, yes.y, no.y),
        T.WhereGreater(a.z, b.z, yes.z, no.z), T.WhereGreater(a.w, b.w, yes.w, no.w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(FourLane<T> x) => T.Sum(x.x + x.y + (x.z + x.w));
}
