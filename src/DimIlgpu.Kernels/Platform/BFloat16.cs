using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>bfloat16, the upper half of a float32, in kernels and on the host.</summary>
internal static class BFloat16
{
    /// <summary>The float32 of the same value.</summary>
    public static float Widen(ushort x) => Interop.IntAsFloat((uint)x << 16);

    /// <summary>The nearest bfloat16, ties to even.</summary>
    public static ushort Round(float x) => (ushort)TensorCores.RoundBFloat16(x, 0f);

    /// <summary>Two rounded floats as one word, for a back end without an instruction for it.</summary>
    public static int RoundPair(float low, float high) => (Upper(high) << 16) | Upper(low);

    // NaN is told by its bits: rounding could carry it over into infinity.
    private static int Upper(float x)
    {
        uint bits = Interop.FloatAsInt(x);
        return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fff : (int)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
    }
}
