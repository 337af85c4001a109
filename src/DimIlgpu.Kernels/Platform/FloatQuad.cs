using System.Numerics;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>Four floats that move as one.</summary>
internal struct FloatQuad : IStored<FloatQuad, FloatQuad>, IAdditionOperators<FloatQuad, FloatQuad, FloatQuad>
{
    public float X, Y, Z, W;

    public FloatQuad(float x, float y, float z, float w) => (this.X, this.Y, this.Z, this.W) = (x, y, z, w);

    /// <summary>The same value four times.</summary>
    public static FloatQuad Of(float value) => new(value, value, value, value);

    public static int Count => 4;

    public readonly FloatQuad Value => this;

    public static ArrayView<FloatQuad> Of(Floats memory) => memory.View.Cast<FloatQuad>();

    public static FloatQuad From(FloatQuad value) => value;

    public static FloatQuad operator +(FloatQuad a, FloatQuad b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    public static FloatQuad operator -(FloatQuad a, FloatQuad b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z, a.W - b.W);

    public static FloatQuad operator *(FloatQuad a, FloatQuad b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    public static FloatQuad operator *(float a, FloatQuad b) => new(a * b.X, a * b.Y, a * b.Z, a * b.W);

    /// <summary>Four elements that are <paramref name="pitch"/> apart.</summary>
    public static FloatQuad Load(Floats memory, long index, int pitch) => new(
        memory.View[index], memory.View[index + pitch], memory.View[index + (2L * pitch)], memory.View[index + (3L * pitch)]);

    /// <summary>Writes four elements that are <paramref name="pitch"/> apart.</summary>
    public static void Store(Floats memory, long index, int pitch, FloatQuad value)
    {
        memory.View[index] = value.X;
        memory.View[index + pitch] = value.Y;
        memory.View[index + (2L * pitch)] = value.Z;
        memory.View[index + (3L * pitch)] = value.W;
    }

    /// <summary>a ⊙ b + c.</summary>
    public static FloatQuad Fma(FloatQuad a, FloatQuad b, FloatQuad c) => (a * b) + c;

    /// <summary>a·b + c.</summary>
    public static FloatQuad Fma(float a, FloatQuad b, FloatQuad c) => (a * b) + c;

    /// <summary>The nearest of −limit … limit.</summary>
    public static FloatQuad Clamp(FloatQuad a, float limit) => new(
        XMath.Clamp(a.X, -limit, limit), XMath.Clamp(a.Y, -limit, limit), XMath.Clamp(a.Z, -limit, limit), XMath.Clamp(a.W, -limit, limit));

    /// <summary>Four adjacent elements of memory of either type.</summary>
    public static FloatQuad Load(Floats memory, long index) =>
        memory.IsNarrow != 0 ? NarrowQuad.Of(memory)[index / 4].Value : Of(memory)[index / 4];

    /// <summary>The sum of the four.</summary>
    public static float Sum(FloatQuad a) => (a.X + a.Y) + (a.Z + a.W);

    /// <summary>Σ a ⊙ b.</summary>
    public static float Dot(FloatQuad a, FloatQuad b) => (a.X * b.X) + (a.Y * b.Y) + (a.Z * b.Z) + (a.W * b.W);

    /// <summary>2^(x·y).</summary>
    public static FloatQuad Exp2(float x, FloatQuad y) => new(
        SpecialFunctions.Exp2(x * y.X), SpecialFunctions.Exp2(x * y.Y), SpecialFunctions.Exp2(x * y.Z), SpecialFunctions.Exp2(x * y.W));

    /// <summary>σ(x).</summary>
    public static FloatQuad Sigmoid(FloatQuad x) => new(
        SpecialFunctions.Sigmoid(x.X), SpecialFunctions.Sigmoid(x.Y), SpecialFunctions.Sigmoid(x.Z), SpecialFunctions.Sigmoid(x.W));

    /// <summary>ln(1 + e^x).</summary>
    public static FloatQuad Softplus(FloatQuad x) => new(
        SpecialFunctions.Softplus(x.X), SpecialFunctions.Softplus(x.Y), SpecialFunctions.Softplus(x.Z), SpecialFunctions.Softplus(x.W));

    /// <summary>ln(1 + e^x), where it is rounded to bfloat16 next.</summary>
    public static FloatQuad NarrowSoftplus(FloatQuad x) => new(
        SpecialFunctions.NarrowSoftplus(x.X), SpecialFunctions.NarrowSoftplus(x.Y), SpecialFunctions.NarrowSoftplus(x.Z),
        SpecialFunctions.NarrowSoftplus(x.W));

    /// <summary>The slope of softplus by its result: 1 − e^−y.</summary>
    public static FloatQuad SoftplusSlope(FloatQuad y) => Of(1f) - Exp2(-SpecialFunctions.LogTwoE, y);
}
