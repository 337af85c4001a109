using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One block of four random words: Philox 4x32-10, the same code on the host and in kernels.</summary>
/// <remarks>
/// J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
/// A block is a pure function of counter and key, so no state is kept and no order matters.
/// </remarks>
/// <param name="A">The first word: of the counter going in, of the block coming out.</param>
/// <param name="B">The second word.</param>
/// <param name="C">The third word.</param>
/// <param name="D">The fourth word.</param>
public readonly record struct Philox(uint A, uint B, uint C, uint D)
{
    /// <summary>The block that belongs to this counter and a key.</summary>
    /// <param name="low">The key's lower word.</param>
    /// <param name="high">The key's upper word.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Philox Block(uint low, uint high)
    {
        uint a = this.A, b = this.B, c = this.C, d = this.D;
        for (int round = 0; round < 10; round++)
        {
            ulong left = (ulong)a * 0xD2511F53u, right = (ulong)c * 0xCD9E8D57u;
            a = (uint)(right >> 32) ^ b ^ low;
            b = (uint)right;
            c = (uint)(left >> 32) ^ d ^ high;
            d = (uint)left;
            low += 0x9E3779B9u;
            high += 0xBB67AE85u;
        }

        return new(a, b, c, d);
    }
}
