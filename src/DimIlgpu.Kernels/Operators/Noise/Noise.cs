namespace DimIlgpu.Kernels;

/// <summary>Random numbers: uniform on (0, 1), or standard normal.</summary>
/// <remarks>
/// <para>
/// Element i is word i mod 4 of the <see cref="Philox"/> block with key = seed and counter = (i / 4, slot, stream):
/// a pure function of the four, whatever the device and its threads. Seed and stream are read from device memory,
/// so that a captured step draws new numbers when it is replayed.
/// </para>
/// <para>Uniform: u = (⌊word / 2⁹⌋ + ½) / 2²³, the same bits on every device; neither 0 nor 1 occurs.</para>
/// <para>
/// Normal: z = ±√2 · erf⁻¹(1 − 2p), where the word's lowest bit is the sign and p = (⌊word / 2⌋ + ½) / 2³² the
/// probability of the tail, so that both tails reach 6.3 standard deviations. The inverse is the single-precision
/// polynomial of M. Giles, "Approximating the erfinv function", GPU Computing Gems Jade Edition, 2011: within 2e-7
/// relative up to 5.3, 4e-4 at the end. Devices differ by their logarithm's last bits.
/// </para>
/// <para>There is no adjoint: noise is a constant.</para>
/// </remarks>
public static class Noise
{
    private const int PerBlock = 4;

    /// <summary>Fills <paramref name="y"/> with uniform numbers in (0, 1).</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="state">Four ints: seed and stream, as <see cref="RandomSequence.State"/> lays them out.</param>
    /// <param name="slot">Tells the draws of one step apart.</param>
    /// <param name="y">Output, (rows, columns), dense.</param>
    /// <exception cref="ArgumentException">A shape is not as described.</exception>
    public static void Uniform(Device device, Tensor state, int slot, Tensor y)
    {
        int blocks = Blocks(state, y);
        device.Strips(new NoiseUniform(state.Memory, y.Memory, slot, y.Shape.Length), 1, blocks, widest: 1);
    }

    /// <summary>Fills <paramref name="y"/> with standard normal numbers.</summary>
    /// <inheritdoc cref="Uniform"/>
    public static void Normal(Device device, Tensor state, int slot, Tensor y)
    {
        int blocks = Blocks(state, y);
        device.Strips(new NoiseTail(state.Memory, y.Memory, slot, y.Shape.Length), 1, blocks, widest: 1);
        device.Strips(new NoiseNormal(y.Memory, y.Columns), y.Rows, y.Columns);
    }

    private static int Blocks(Tensor state, Tensor y)
    {
        Check.NotEmpty(y);
        Check.Dense(state, new(1, 4));
        Check.Dense(y, y.Shape);
        return checked((int)((y.Shape.Length + PerBlock - 1) / PerBlock));
    }
}
