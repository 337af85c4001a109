namespace DimIlgpu.Kernels;

/// <summary>The host's random choices (timesteps, label dropout, flips), from the same generator as the kernels'.</summary>
/// <remarks>
/// Word i of (seed, stream, slot) is what <see cref="Noise"/> uses for element i, so a slot is drawn on the host
/// or on the device, not on both. Not safe for use by several threads at once.
/// </remarks>
/// <param name="seed">What a user calls the seed.</param>
/// <param name="stream">A sequence of its own: usually the number of the step.</param>
/// <param name="slot">Which draw of the step; a further independent sequence.</param>
public sealed class RandomSequence(ulong seed, ulong stream, int slot = 0)
{
    private uint block;
    private int left;
    private Philox words;

    /// <summary>The ints that <see cref="Noise"/> reads: seed and stream, lower words first.</summary>
    public static int[] State(ulong seed, ulong stream) =>
        [unchecked((int)seed), unchecked((int)(seed >> 32)), unchecked((int)stream), unchecked((int)(stream >> 32))];

    /// <summary>The next 32 bits.</summary>
    public uint NextWord()
    {
        if (this.left == 0)
        {
            Philox counter = new(this.block++, unchecked((uint)slot), unchecked((uint)stream), (uint)(stream >> 32));
            (this.words, this.left) = (counter.Block(unchecked((uint)seed), (uint)(seed >> 32)), 4);
        }

        return this.left-- switch { 4 => this.words.A, 3 => this.words.B, 2 => this.words.C, _ => this.words.D };
    }

    /// <summary>A uniform number in (0, 1), of 53 bits.</summary>
    public double NextDouble()
    {
        ulong high = this.NextWord() >> 6, low = this.NextWord() >> 6;
        return (((high << 26) | low) + 0.5) / (1UL << 52);
    }

    /// <summary>A uniform integer from 0 to <paramref name="count"/> − 1, without bias.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is nothing to choose from.</exception>
    public int Next(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);

        // Lemire 2019: the words below the threshold would make the first results likelier.
        ulong product = (ulong)this.NextWord() * (uint)count;
        if ((uint)product < (uint)count)
        {
            uint threshold = unchecked(0u - (uint)count) % (uint)count;
            while ((uint)product < threshold)
            {
                product = (ulong)this.NextWord() * (uint)count;
            }
        }

        return (int)(product >> 32);
    }

    /// <summary>A standard normal number, by Box and Muller.</summary>
    public double NextNormal()
    {
        double radius = Math.Sqrt(-2 * Math.Log(this.NextDouble()));
        return radius * Math.Cos(2 * Math.PI * this.NextDouble());
    }
}
