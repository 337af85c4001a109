using System.Numerics;

namespace DimIlgpu.Model.Data;

/// <summary>A keyed permutation of 0 to count − 1 that needs no memory: four Feistel rounds with cycle walking.</summary>
internal readonly struct IndexPermutation
{
    private const int Rounds = 4;
    private readonly int count;
    private readonly int halfBits;
    private readonly ulong key;

    public IndexPermutation(int count, ulong seed, ulong stream)
    {
        this.count = count;

        // The network permutes the next even power of two, at most four times the count.
        this.halfBits = Math.Max(1, (BitOperations.Log2((uint)Math.Max(1, count - 1)) + 2) / 2);
        this.key = new CounterRandom(seed, stream, 0).NextBits();
    }

    /// <summary>Where <paramref name="index"/> goes.</summary>
    public int this[int index]
    {
        get
        {
            ulong value = (ulong)index;
            do
            {
                value = this.Encrypt(value);
            }
            while (value >= (ulong)this.count);

            return (int)value;
        }
    }

    private ulong Encrypt(ulong value)
    {
        ulong mask = (1UL << this.halfBits) - 1;
        ulong left = value >> this.halfBits;
        ulong right = value & mask;
        for (int round = 0; round < Rounds; round++)
        {
            ulong mixed = CounterRandom.Mix(this.key ^ (right << 3) ^ (ulong)round) & mask;
            (left, right) = (right, left ^ mixed);
        }

        return (left << this.halfBits) | right;
    }
}
