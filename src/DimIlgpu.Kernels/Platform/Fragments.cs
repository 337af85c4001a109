namespace DimIlgpu.Kernels;

/// <summary>Two words that move as one: 4 bfloat16.</summary>
internal struct WordPair
{
    public int X, Y;
}

/// <summary>Four words that move as one: 8 bfloat16 or 4 tf32.</summary>
internal struct WordQuad
{
    public int X, Y, Z, W;
}

/// <summary>A thread's part of 64 rows × 32 bytes of an operand, as <c>ldmatrix</c> spreads it: 16 rows each.</summary>
internal struct OperandTile
{
    public WordQuad T0, T1, T2, T3;
}

/// <summary>A thread's part of 16 × 64 sums: 16 × 8 each, as <c>mma</c> spreads them.</summary>
internal struct AccumulatorRow
{
    public FloatQuad C0, C1, C2, C3, C4, C5, C6, C7;
}

/// <summary>A thread's part of a warp's 64 × 64 sums.</summary>
internal struct AccumulatorTile
{
    public AccumulatorRow R0, R1, R2, R3;
}
