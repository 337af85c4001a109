namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Noise"/>.</summary>
internal static class NoiseReference
{
    public static uint[] Words(ulong seed, ulong stream, int slot, int count)
    {
        RandomSequence random = new(seed, stream, slot);
        uint[] words = new uint[count];
        for (int i = 0; i < count; i++)
        {
            words[i] = random.NextWord();
        }

        return words;
    }

    public static double[] Uniform(uint[] words) => [.. words.Select(w => ((w >> 9) + 0.5) / (1 << 23))];

    public static double[] Normal(uint[] words) => [.. words.Select(w =>
        (w & 1) == 0 ? FromTail(((w >> 1) + 0.5) / 4294967296.0) : -FromTail(((w >> 1) + 0.5) / 4294967296.0))];

    /// <summary>z ≥ 0 with Q(z) = p, by Newton's method on ln Q.</summary>
    private static double FromTail(double p)
    {
        double z = p > 0.1 ? 0.5 : Math.Sqrt(-2 * Math.Log(p));
        for (int i = 0; i < 50; i++)
        {
            double q = Tail(z), density = Math.Exp(-0.5 * z * z) / Math.Sqrt(2 * Math.PI);
            z -= (Math.Log(p) - Math.Log(q)) * q / density;
        }

        return z;
    }

    /// <summary>Q(z): the series of Φ about 0 near the middle, Laplace's continued fraction in the tail.</summary>
    private static double Tail(double z)
    {
        double density = Math.Exp(-0.5 * z * z) / Math.Sqrt(2 * Math.PI);
        if (Math.Abs(z) < 3)
        {
            double term = z, sum = z;
            for (int k = 1; k < 100; k++)
            {
                term *= z * z / ((2 * k) + 1);
                sum += term;
            }

            return 0.5 - (density * sum);
        }

        double fraction = z;
        for (int k = 120; k > 0; k--)
        {
            fraction = z + (k / fraction);
        }

        return density / fraction;
    }
}
