namespace DimIlgpu.Kernels;

/// <summary>The sum of squares of a whole tensor.</summary>
/// <remarks>
/// <para>y = Σ x².</para>
/// <para>
/// The tensor is divided into parts by its shape alone; each part is summed row by row, so that no sum has many more than
/// a thousand terms, and then the parts. Equal tensors give equal bits on one device, whatever its number of threads.
/// </para>
/// <para>NaN and ∞ in x carry over to y; y is ∞ too where the sum exceeds 3.4e38.</para>
/// </remarks>
public static class SquaredNorm
{
    // Enough groups to fill any GPU several times over.
    private const int MostParts = 1024;

    // On a GPU, where one group adds them up: as many for each multiprocessor of an H100.
    private const int MostGpuParts = 4 * 132;

    // Of a part on a GPU: eight quads of each of a group's threads.
    private const int FewestElements = 32 * Device.GroupSize;

    /// <summary>Sums the squares.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Input, without gaps between rows; the rows of a large one should have about a thousand columns.</param>
    /// <param name="y">Receives the sum, (1, 1).</param>
    /// <exception cref="ArgumentException">A shape does not match.</exception>
    public static void Update(Device device, Tensor x, Tensor y)
    {
        Check.NotEmpty(x);
        Check.Dense(x, x.Shape);
        Check.Shape(y, new(1, 1));
        bool isQuad = device.Kind != DeviceKind.Cpu && Stored.Fits(x, ElementType.Float32, 4);
        int stride = isQuad ? 1 : SquaredNormPartial.Stride;
        int parts = (int)(isQuad
            ? Math.Min((x.Shape.Length + FewestElements - 1) / FewestElements, MostGpuParts)
            : Math.Min(x.Rows, MostParts));
        using ArenaScope scope = device.Scratch.Scope();
        Tensor partial = device.Scratch.Rent(new(parts, stride));
        if (isQuad)
        {
            device.Groups(
                new SquaredNormGroups(x.Memory, partial.Memory, x.Shape.Length / 4, parts), new(parts, 1, 1), Device.GroupSize);
        }
        else
        {
            device.Rows(new SquaredNormPartial(x.Memory, partial.Memory, x.Columns, x.Rows, parts), parts, x.Columns);
        }

        // An odd number of columns keeps the last sum out of registers, whose width its single result lacks.
        device.Rows(new SquaredNormTotal(partial.Memory, y.Memory, parts, stride), 1, parts | 1);
    }
}
