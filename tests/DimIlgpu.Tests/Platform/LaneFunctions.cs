using System.Runtime.Intrinsics;
using DimIlgpu.Kernels;

namespace DimIlgpu.Tests;

/// <summary>A function of the CPU's lanes and its definition in double precision.</summary>
internal interface ILaneFunction
{
    static abstract T Of<T>(T x)
        where T : unmanaged, ICpuLane<T>;

    /// <summary>Eight values at once: over all floats one at a time would take minutes.</summary>
    static abstract Vector512<double> Exact(Vector512<double> x);

    /// <summary>The runtime's own, which the eight are held against.</summary>
    static abstract double Exact(double x);
}

internal readonly struct ExponentialFunction : ILaneFunction
{
    public static T Of<T>(T x)
        where T : unmanaged, ICpuLane<T> => T.Exp(x);

    public static Vector512<double> Exact(Vector512<double> x) => Vector512.Exp(x);

    public static double Exact(double x) => Math.Exp(x);
}

internal readonly struct LogarithmFunction : ILaneFunction
{
    public static T Of<T>(T x)
        where T : unmanaged, ICpuLane<T> => T.Log(x);

    public static Vector512<double> Exact(Vector512<double> x) => Vector512.Log(x);

    public static double Exact(double x) => Math.Log(x);
}

internal readonly struct SigmoidFunction : ILaneFunction
{
    public static T Of<T>(T x)
        where T : unmanaged, ICpuLane<T> => T.Sigmoid(x);

    public static Vector512<double> Exact(Vector512<double> x) =>
        Vector512<double>.One / (Vector512<double>.One + Vector512.Exp(-x));

    public static double Exact(double x) => 1 / (1 + Math.Exp(-x));
}

internal readonly struct TanhFunction : ILaneFunction
{
    public static T Of<T>(T x)
        where T : unmanaged, ICpuLane<T> => T.Tanh(x);

    public static Vector512<double> Exact(Vector512<double> x)
    {
        Vector512<double> one = Vector512<double>.One, a = Vector512.Abs(x), z = Vector512.Exp(-2 * a);
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

    public static Vector512<double> Exact(Vector512<double> x)
    {
        // ln(1 + z) with Kahan's correction for what 1 + z loses.
        Vector512<double> one = Vector512<double>.One, z = Vector512.Exp(-Vector512.Abs(x)), sum = one + z;
        Vector512<double> log = Vector512.ConditionalSelect(
            Vector512.Equals(sum, one), z, Vector512.Log(sum) * z / (sum - one));
        return Vector512.Max(x, Vector512<double>.Zero) + log;
    }

    public static double Exact(double x)
    {
        double z = Math.Exp(-Math.Abs(x)), series = z * (1 - (z / 2 * (1 - (z * 2 / 3))));
        return Math.Max(x, 0) + (z < 1e-5 ? series : Math.Log(1 + z));
    }
}
