using System.Numerics;

namespace DimIlgpu.Kernels;

/// <summary>Divides by a number that the host knows, where a GPU's own division takes some twenty instructions.</summary>
/// <remarks>
/// ⌊n/d⌋ = ⌊(⌊n·m/2³²⌋ + n) / 2^s⌋ with s = ⌈log₂ d⌉ and m = ⌊2³²·(2^s − d)/d⌋ + 1, for 0 ≤ n &lt; 2³¹ and 1 ≤ d.
/// Source: Granlund and Montgomery 1994, "Division by invariant integers using multiplication", figure 4.1.
/// </remarks>
internal readonly struct Divisor
{
    /// <summary>d.</summary>
    public readonly int Value;

    private readonly uint multiplier;
    private readonly int shift;

    public Divisor(int value)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
        this.Value = value;
        this.shift = BitOperations.Log2(BitOperations.RoundUpToPowerOf2((uint)value));
        this.multiplier = (uint)(((((1UL << this.shift) - (uint)value) << 32) / (uint)value) + 1);
    }

    /// <summary>⌊n/d⌋ of n ≥ 0.</summary>
    public int Quotient(int n) => (int)(((uint)(((ulong)(uint)n * this.multiplier) >> 32) + (uint)n) >> this.shift);

    /// <summary>n mod d of n ≥ 0.</summary>
    public int Remainder(int n) => n - (this.Quotient(n) * this.Value);
}
