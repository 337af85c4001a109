using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Random inputs: zeros run faster than real data on some hardware.</summary>
internal static class Inputs
{
    /// <summary>A tensor of values in [−scale, scale), the same in every run.</summary>
    public static Tensor Random(this Arena arena, Shape shape, float scale = 1f, ElementType type = ElementType.Float32)
    {
        Random random = new(1);
        float[] values = new float[shape.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = scale * ((2 * random.NextSingle()) - 1);
        }

        Tensor tensor = arena.Rent(shape, type: type);
        tensor.Upload(values);
        return tensor;
    }
}
