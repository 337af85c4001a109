namespace DimIlgpu.Kernels;

/// <summary>How to open a device.</summary>
public sealed record DeviceOptions
{
    /// <summary>Threads of the CPU accelerator; 0 for one per core.</summary>
    public int Threads
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>Columns per SIMD register on the CPU: 16, 8, 4 or 1; 0 for the widest the machine has.</summary>
    public int LaneWidth
    {
        get;
        init
        {
            if (value is not (0 or 1 or 4 or 8 or 16))
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, "The lane width is 16, 8, 4, 1, or 0 for the widest.");
            }

            field = value;
        }
    }

    /// <summary>
    /// How matrices are multiplied. TensorFloat32 needs CUDA on compute capability 8.0 or newer, BFloat16 that or OpenCL.
    /// </summary>
    public MatrixPrecision MatrixPrecision { get; init; }

    /// <summary>Whether CUDA records work that comes again and again, and launches it as one graph; see <see cref="DeviceGraph"/>.</summary>
    public bool Graphs { get; init; } = true;
}

/// <summary>A device that was found.</summary>
/// <param name="Id">What to ask for: <c>cpu</c>, <c>opencl:0</c>, <c>cuda:0</c>.</param>
/// <param name="Name">The vendor's name for it.</param>
/// <param name="MemoryBytes">Its memory, in bytes.</param>
/// <param name="IsGpu">Whether <c>auto</c> may choose it before the CPU accelerator.</param>
public sealed record DeviceInfo(string Id, string Name, long MemoryBytes, bool IsGpu);
