using System.Numerics;

namespace DimIlgpu.Kernels;

/// <summary>
/// The values that one iteration of a kernel body works on: one float of one thread on a GPU,
/// a SIMD register of adjacent columns on the CPU accelerator.
/// </summary>
/// <remarks>A body is written once over this interface, so every back end runs the same formula.</remarks>
internal interface ILane<T> :
    IAdditionOperators<T, T, T>,
    ISubtractionOperators<T, T, T>,
    IMultiplyOperators<T, T, T>,
    IDivisionOperators<T, T, T>,
    IUnaryNegationOperators<T, T>
    where T : unmanaged, ILane<T>
{
    /// <summary>Number of adjacent columns in a lane.</summary>
    static abstract int Count { get; }

    /// <summary>The same value in every column.</summary>
    static abstract T Of(float value);

    /// <summary>Elements index … index + Count − 1.</summary>
    static abstract T Load(Floats memory, long index);

    /// <summary>Writes elements index … index + Count − 1.</summary>
    static abstract void Store(Floats memory, long index, T value);

    /// <summary>
    /// Elements from an index on will be loaded or stored soon: for a body that walks down rows, where the CPU's own
    /// prefetcher, which follows rows, comes too late. Nothing on a GPU.
    /// </summary>
    static abstract void Prefetch(Floats memory, long index);

    /// <summary>One element as a scalar.</summary>
    static abstract float Read(Floats memory, long index);

    /// <summary>One element whose bits hold an integer.</summary>
    static abstract int ReadInt(Floats memory, long index);

    /// <summary>a · b + c, fused where the hardware can.</summary>
    static abstract T Fma(T a, T b, T c);

    /// <summary>The larger of each pair.</summary>
    static abstract T Max(T a, T b);

    /// <summary>The smaller of each pair.</summary>
    static abstract T Min(T a, T b);

    /// <summary>Square root.</summary>
    static abstract T Sqrt(T x);

    /// <summary>2^(x·y) for a product below 127 at the scan's accuracy (relative error below 1e-6); at most 2^−126 below −126.</summary>
    static abstract T Exp2(T x, T y);

    /// <summary>The same of four products.</summary>
    static abstract Quad<T> Exp2(T x, Quad<T> y);

    /// <summary>e^x.</summary>
    /// <remarks>
    /// This and the four below: on the CPU within two units in the last place for every float, gradual underflow and
    /// special values included; on a GPU the formulas of <see cref="ThreadLane"/> over the hardware's own functions.
    /// </remarks>
    static abstract T Exp(T x);

    /// <summary>Natural logarithm.</summary>
    static abstract T Log(T x);

    /// <summary>σ(x) = 1 / (1 + e^−x).</summary>
    static abstract T Sigmoid(T x);

    /// <summary>Hyperbolic tangent.</summary>
    static abstract T Tanh(T x);

    /// <summary>ln(1 + e^x).</summary>
    static abstract T Softplus(T x);

    /// <summary>Where a &gt; b then <paramref name="yes"/>, otherwise <paramref name="no"/>.</summary>
    static abstract T WhereGreater(T a, T b, T yes, T no);

    /// <summary>The sum over the columns of the lane.</summary>
    static abstract float Sum(T x);
}

/// <summary>A lane that is a register of the CPU; what its vector mathematics is built from.</summary>
internal unsafe interface ICpuLane<T> : ILane<T>
    where T : unmanaged, ILane<T>
{
    /// <summary>The adjacent elements from an address.</summary>
    static abstract T LoadFrom(float* address);

    /// <summary>Writes adjacent elements to an address.</summary>
    static abstract void StoreTo(float* address, T value);

    /// <summary>The nearest integers.</summary>
    static abstract T Round(T x);

    /// <summary>|x|.</summary>
    static abstract T Abs(T x);

    /// <summary>The nearest of lowest … highest; NaN stays NaN.</summary>
    static abstract T Clamp(T x, float lowest, float highest);

    /// <summary>The larger of x and <paramref name="lowest"/>; NaN stays NaN.</summary>
    static abstract T AtLeast(T x, float lowest);

    /// <summary>x · 2^k, rounded once, for x near 1 and integral k in −252 … 254.</summary>
    static abstract T Scale(T x, T k);

    /// <summary>The exponent k and, as the result, the mantissa m in [√½, √2) of a positive normal number.</summary>
    static abstract T Split(T x, out T exponent);
}
