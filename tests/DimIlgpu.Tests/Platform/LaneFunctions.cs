using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DimIlgpu.Kernels;

namespace DimIlgpu.Tests;

/// <summary>
/// Eight values at once, to ten digits: over all floats the runtime's own would take minutes. For arguments that are floats.
/// </summary>
internal static class Eight
{
    // e^x = 2^k · (e^r)^16; beyond ±200 a float holds neither e^x nor its difference from another number.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Exp(Vector512<double> x)
    {
        Vector512<double> bounded = Vector512.Min(Vector512.Max(x, Vector512.Create(-200.0)), Vector512.Create(200.0));
        Vector512<double> k = Vector512.Round(bounded * (1 / Math.Log(2))), sum = Vector512<double>.One;
        Vector512<double> r = Vector512.FusedMultiplyAdd(k, Vector512.Create(-Math.Log(2)), bounded) * (1.0 / 16);
        for (int n = 7; n > 0; n--)
        {
            sum = Vector512.FusedMultiplyAdd(sum, r * (1.0 / n), Vector512<double>.One);
        }

        sum *= sum;
        sum *= sum;
        sum *= sum;
        sum *= sum;
        return sum * Vector512.ShiftLeft(Vector512.ConvertToInt64(k) + Vector512.Create(1023L), 52).AsDouble();
    }

    // ln m = 2 artanh s, s = (m − 1) / (m + 1), m in [√½, √2).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Log(Vector512<double> x)
    {
        Vector512<long> k = Vector512.ShiftRightArithmetic(x.AsInt64() - Vector512.Create(0x3fe6a09e667f3bcdL), 52);
        Vector512<double> one = Vector512<double>.One, m = (x.AsInt64() - Vector512.ShiftLeft(k, 52)).AsDouble();
        Vector512<double> s = (m - one) / (m + one), square = s * s, sum = Vector512<double>.Zero;
        for (int n = 15; n > 0; n -= 2)
        {
            sum = Vector512.FusedMultiplyAdd(sum, square, Vector512.Create(2.0 / n));
        }

        Vector512<double> y = Vector512.FusedMultiplyAdd(Vector512.ConvertToDouble(k), Vector512.Create(Math.Log(2)), s * sum);
        y = Vector512.ConditionalSelect(Vector512.Equals(x, Vector512.Create(double.PositiveInfinity)), x, y);
        y = Vector512.ConditionalSelect(Vector512.Equals(x, Vector512<double>.Zero), Vector512.Create(double.NegativeInfinity), y);
        return Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(x, Vector512<double>.Zero), y, Vector512.Create(double.NaN));
    }
}

/// <summary>A function of the CPU's lanes and its definition in double precision.</summary>
internal interface ILaneFunction
{
    static abstract T Of<T>(T x)
        where T : unmanaged, ICpuLane<T>;

    /// <summary>Eight values at once.</summary>
    static abstract Vector512<double> Exact(Vector512<double> x);

    /// <summary>The runtime's own, which the eight are held against.</summary>
    static abstract double Exact(double x);
}

internal readonly struct ExponentialFunction : ILaneFunction
{
    public static T Of<T>(T x)
        where T : unmanaged, ICpuLane<T> => T.Exp(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Exact(Vector512<double> x) => Eight.Exp(x);

    public static double Exact(double x) => Math.Exp(x);
}

internal readonly struct LogarithmFunction : ILaneFunction
{
    public static T Of<T>(T x)
        where T : unmanaged, ICpuLane<T> => T.Log(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Exact(Vector512<double> x) => Eight.Log(x);

    public static double Exact(double x) => Math.Log(x);
}

internal readonly struct SigmoidFunction : ILaneFunction
{
    public static T Of<T>(T x)
        where T : unmanaged, ICpuLane<T> => T.Sigmoid(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Exact(Vector512<double> x) =>
        Vector512<double>.One / (Vector512<double>.One + Eight.Exp(-x));

    public static double Exact(double x) => 1 / (1 + Math.Exp(-x));
}

internal readonly struct TanhFunction : ILaneFunction
{
    public static T Of<T>(T x)
        where T : unmanaged, ICpuLane<T> => T.Tanh(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Exact(Vector512<double> x)
    {
        Vector512<double> one = Vector512<double>.One, a = Vector512.Abs(x), z = Eight.Exp(-2 * a);
        Vector512<double> far = Vector512.CopySign((one - z) / (one + z), x);

        // Where 1 − z cancels; the next term, 17/315 · x⁷, is below 1e-19 of x there.
        Vector512<double> square = x * x, near = x * (one - (square * (one / 3 - (square * 2 / 15))));
        return Vector512.ConditionalSelect(Vector512.LessThan(a, Vector512.Create(1.0 / 1024)), near, far);
    }

    public static double Exact(double x) => Math.Tanh(x);
}

internal readonly struct SoftplusFunction : ILaneFunction
{
    public static T Of<T>(T x)
        where T : unmanaged, ICpuLane<T> => T.Softplus(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<double> Exact(Vector512<double> x)
    {
        // ln(1 + z) with Kahan's correction for what 1 + z loses.
        Vector512<double> one = Vector512<double>.One, z = Eight.Exp(-Vector512.Abs(x)), sum = one + z;
        Vector512<double> log = Vector512.ConditionalSelect(
            Vector512.Equals(sum, one), z, Eight.Log(sum) * z / (sum - one));
        return Vector512.Max(x, Vector512<double>.Zero) + log;
    }

    public static double Exact(double x)
    {
        double z = Math.Exp(-Math.Abs(x)), series = z * (1 - (z / 2 * (1 - (z * 2 / 3))));
        return Math.Max(x, 0) + (z < 1e-5 ? series : Math.Log(1 + z));
    }
}
