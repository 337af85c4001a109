using System.Numerics;
using ILGPU;
using ILGPU.Runtime;

namespace DimIlgpu.Kernels;

/// <summary>Two floats that move as one.</summary>
internal struct FloatPair : IStored<FloatPair, FloatPair>, IAdditionOperators<FloatPair, FloatPair, FloatPair>
{
    public float X, Y;

    public FloatPair(float x, float y) => (this.X, this.Y) = (x, y);

    public static int Count => 2;

    public readonly FloatPair Value => this;

    public static ArrayView<FloatPair> Of(Floats memory) => memory.View.Cast<FloatPair>();

    public static FloatPair From(FloatPair value) => value;

    public static FloatPair operator +(FloatPair a, FloatPair b) => new(a.X + b.X, a.Y + b.Y);

    public static FloatPair operator *(FloatPair a, FloatPair b) => new(a.X * b.X, a.Y * b.Y);

    /// <summary>a ⊙ b + c.</summary>
    public static FloatPair Fma(FloatPair a, FloatPair b, FloatPair c) => new((a.X * b.X) + c.X, (a.Y * b.Y) + c.Y);

    /// <summary>Two adjacent elements of memory of either type.</summary>
    public static FloatPair Load(Floats memory, long index) =>
        memory.IsNarrow != 0 ? NarrowPair.Of(memory)[index / 2].Value : Of(memory)[index / 2];

    /// <summary>SiLU(x) = x · σ(x).</summary>
    public static FloatPair Silu(FloatPair x) => x * new FloatPair(SpecialFunctions.Sigmoid(x.X), SpecialFunctions.Sigmoid(x.Y));

    /// <summary>dSiLU/dx = σ + x · (σ − σ²).</summary>
    public static FloatPair SiluSlope(FloatPair x) => new(SiluSlope(x.X), SiluSlope(x.Y));

    private static float SiluSlope(float x)
    {
        float s = SpecialFunctions.Sigmoid(x);
        return (x * (s - (s * s))) + s;
    }
}
