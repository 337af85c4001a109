namespace DimIlgpu.Kernels;

/// <summary>The definition of <see cref="Patches"/>.</summary>
internal static class PatchesReference
{
    public static double[] Patchify(double[] samples, PatchLayout layout)
    {
        int[] order = Order(samples.Length / layout.SampleLength, layout);
        return [.. order.Select(i => samples[i])];
    }

    public static double[] Unpatchify(double[] patches, PatchLayout layout)
    {
        int[] order = Order(patches.Length / layout.SampleLength, layout);
        double[] samples = new double[patches.Length];
        for (int i = 0; i < order.Length; i++)
        {
            samples[order[i]] = patches[i];
        }

        return samples;
    }

    /// <summary>The place among the samples of each element of the patches, in the patches' order.</summary>
    private static int[] Order(int batch, PatchLayout layout)
    {
        (int frames, int height, int width, int channels, int pt, int p) = layout;
        List<int> order = [];
        for (int b = 0; b < batch; b++)
        {
            for (int f = 0; f < frames; f += pt)
            {
                for (int y = 0; y < height; y += p)
                {
                    for (int x = 0; x < width; x += p)
                    {
                        for (int i = 0; i < pt * p * p * channels; i++)
                        {
                            int c = i % channels, dx = i / channels % p, dy = i / channels / p % p, df = i / channels / p / p;
                            order.Add((((((((b * frames) + f + df) * height) + y + dy) * width) + x + dx) * channels) + c);
                        }
                    }
                }
            }
        }

        return [.. order];
    }
}
