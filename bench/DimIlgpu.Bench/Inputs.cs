using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>What operators are measured on. Random inputs: zeros run faster than real data on some hardware.</summary>
internal static class Inputs
{
    /// <summary>
    /// Tokens and channels: 16,384 of 768, or what DiM-XL/2 has at batch 64 and 256 tokens where a network would run in bfloat16.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="inMixer">Whether the operator is one of the mixer, which has twice the channels of the residual stream.</param>
    public static Shape Tokens(this Device device, bool inMixer = false) =>
        new(16384, device.ActivationType != ElementType.BFloat16 ? 768 : inMixer ? 2304 : 1152);

    /// <summary>Tokens of a sample of <see cref="Tokens"/>, and so 16 samples or 64.</summary>
    public static int SampleLength(this Device device) => device.ActivationType == ElementType.BFloat16 ? 256 : 1024;

    /// <summary>A shape, and for CUDA one of four times the rows: what the smaller takes beyond a quarter of the larger is the launch, not its bytes.</summary>
    public static IEnumerable<Shape> WithFourTimes(this Device device, Shape shape) =>
        device.Kind == DeviceKind.Cuda ? [shape, shape with { Rows = 4 * shape.Rows }] : [shape];

    /// <summary>Bytes of an element of what flows between the operators of a network; the residual stream has 4 in any case.</summary>
    public static double ActivationBytes(this Device device) => device.ActivationType == ElementType.BFloat16 ? 2 : 4;

    // Drawing the billions of a GPU's inputs would take longer than the rest. An odd length: no two rows are the same.
    private const int MostDrawn = (1 << 22) - 1;

    /// <summary>A tensor of values in [−scale, scale), the same in every run.</summary>
    public static Tensor Random(this Arena arena, Shape shape, float scale = 1f, ElementType type = ElementType.Float32)
    {
        Random random = new(1);
        float[] values = new float[shape.Length];
        for (int i = 0; i < Math.Min(values.Length, MostDrawn); i++)
        {
            values[i] = scale * ((2 * random.NextSingle()) - 1);
        }

        for (int i = MostDrawn; i < values.Length; i += Math.Min(MostDrawn, values.Length - i))
        {
            Array.Copy(values, 0, values, i, Math.Min(MostDrawn, values.Length - i));
        }

        Tensor tensor = arena.Rent(shape, type: type);
        tensor.Upload(values);
        return tensor;
    }
}
