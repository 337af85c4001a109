using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Random inputs: zeros run faster than real data on some hardware.</summary>
internal static class Inputs
{
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
