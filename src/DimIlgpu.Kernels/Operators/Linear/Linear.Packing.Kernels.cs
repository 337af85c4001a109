using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Rounds a matrix, or moves it to where chunks are aligned: a thread per 16 bytes of the result.</summary>
[KernelInstance(typeof(BFloat16Operands))]
[KernelInstance(typeof(TensorFloat32Operands))]
internal readonly struct LinearPack<TOperands>(
    Floats source, int sourcePitch, ArrayView<WordQuad> target, int columns, int chunks, long total, int isQuads) : IWarpKernel
    where TOperands : struct, ITensorOperands
{
    public const int Threads = 256;

    public void Execute()
    {
        long i = ((long)Grid.IdxX * Threads) + Group.IdxX;
        if (i < total)
        {
            long row = i / chunks;
            int column = (int)(i - (row * chunks)) * TOperands.Elements;
            long at = (row * sourcePitch) + column;
            FloatQuad first = this.Read(at, column);
            target[i] = TOperands.Round(first, TOperands.Elements > 4 ? this.Read(at + 4, column + 4) : first);
        }
    }

    private FloatQuad Read(long at, int column)
    {
        if (isQuads != 0 && column + 3 < columns)
        {
            return source.View.Cast<FloatQuad>()[at / 4];
        }

        return new()
        {
            X = column < columns ? ThreadLane.Read(source, at) : 0f,
            Y = column + 1 < columns ? ThreadLane.Read(source, at + 1) : 0f,
            Z = column + 2 < columns ? ThreadLane.Read(source, at + 2) : 0f,
            W = column + 3 < columns ? ThreadLane.Read(source, at + 3) : 0f,
        };
    }
}

/// <summary>
/// Rounds and transposes to tf32, 64 × 64 through shared memory: <c>ldmatrix</c> transposes elements of 16 bits only.
/// </summary>
internal readonly struct LinearPackTransposed(Floats source, int sourcePitch, WarpOperand target, int rows, int depth) : IWarpKernel
{
    public const int Side = 64;
    public const int Threads = 256;

    // One more than the side: rows start in different banks.
    private const int Pitch = Side + 1;

    public void Execute()
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(Side * Pitch);
        int row0 = Grid.IdxX * Side, k0 = Grid.IdxY * Side;
        int row = row0 + (Group.IdxX % Side);
        for (int i = Group.IdxX / Side; i < Side; i += Threads / Side)
        {
            tile[(i * Pitch) + (Group.IdxX % Side)] = row < rows && k0 + i < depth
                ? ThreadLane.Read(source, ((((long)Grid.IdxZ * depth) + k0 + i) * sourcePitch) + row)
                : 0f;
        }

        Group.Barrier();
        const int chunks = Side / 4;
        for (int i = Group.IdxX; i < Side * chunks; i += Threads)
        {
            int r = i / chunks, chunk = i % chunks, to = (k0 / 4) + chunk, from = (chunk * 4 * Pitch) + r;
            if (row0 + r < rows && to < target.Chunks)
            {
                FloatQuad four = new() { X = tile[from], Y = tile[from + Pitch], Z = tile[from + (2 * Pitch)], W = tile[from + (3 * Pitch)] };
                target.Memory[((((long)Grid.IdxZ * target.Rows) + row0 + r) * target.Chunks) + to] = TensorFloat32Operands.Round(four, four);
            }
        }
    }
}
