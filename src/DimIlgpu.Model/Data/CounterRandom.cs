namespace DimIlgpu.Model.Data;

/// <summary>Random numbers that are a pure function of a key and a counter (SplitMix64).</summary>
/// <remarks>Not <see cref="Random"/>: its algorithm may change, and a data set must be the same for ever.</remarks>
internal struct CounterRandom
{
    private const ulong Golden = 0x9E3779B97F4A7C15;
    private ulong state;

    public CounterRandom(ulong seed, ulong stream, ulong index) => this.state = Mix(Mix(Mix(seed + Golden) ^ stream) + (index * Golden));

    /// <summary>The finaliser of SplitMix64: a bijection of 64 bits.</summary>
    public static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    public ulong NextBits() => Mix(this.state += Golden);

    /// <summary>Uniform in [0, 1), from 24 bits, so that it is exact in float32.</summary>
    public float NextUnit() => (this.NextBits() >> 40) * (1f / (1 << 24));

    /// <summary>Uniform in [low, high).</summary>
    public float Next(float low, float high) => low + ((high - low) * this.NextUnit());
}
