using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>Rounds a matrix: a thread per 16 bytes of the result.</summary>
[KernelInstance(typeof(BFloat16Operands))]
[KernelInstance(typeof(TensorFloat32Operands))]
internal readonly struct LinearPack<TOperands>(
    Floats source, int sourcePitch, PackedOperand target, int rows, int columns, int total, int isQuads) : IWarpKernel
    where TOperands : struct, ITensorOperands
{
    public const int Threads = 256;

    public void Execute()
    {
        int i = (Grid.IdxX * Threads) + Group.IdxX;
        if (i < total)
        {
            int row = i / target.Pitch, column = i % target.Pitch * TOperands.Elements, batch = row / target.Rows;
            bool isThere = row % target.Rows < rows;
            long at = ((row - ((long)batch * (target.Rows - rows))) * sourcePitch) + column;
            FloatQuad first = this.Read(isThere, at, column);
            target.Chunks[i] = TOperands.Round(first, TOperands.Elements > 4 ? this.Read(isThere, at + 4, column + 4) : first);
        }
    }

    private FloatQuad Read(bool isThere, long at, int column)
    {
        if (isThere && isQuads != 0 && column + 3 < columns)
        {
            return source.View.Cast<FloatQuad>()[at / 4];
        }

        return new()
        {
            X = isThere && column < columns ? source.View[at] : 0f,
            Y = isThere && column + 1 < columns ? source.View[at + 1] : 0f,
            Z = isThere && column + 2 < columns ? source.View[at + 2] : 0f,
            W = isThere && column + 3 < columns ? source.View[at + 3] : 0f,
        };
    }
}

/// <summary>
/// Rounds and transposes to tf32, 64 × 64 through shared memory: <c>ldmatrix</c> transposes elements of 16 bits only.
/// </summary>
internal readonly struct LinearPackTransposed(Floats source, int sourcePitch, PackedOperand target, int rows, int depth) : IWarpKernel
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
                ? source.View[((((long)Grid.IdxZ * depth) + k0 + i) * sourcePitch) + row]
                : 0f;
        }

        Group.Barrier();
        const int chunks = Side / 4;
        for (int i = Group.IdxX; i < Side * chunks; i += Threads)
        {
            int r = i / chunks, chunk = i % chunks, to = (k0 / 4) + chunk, from = (chunk * 4 * Pitch) + r;
            if (row0 + r < rows && to < target.Pitch)
            {
                FloatQuad four = new() { X = tile[from], Y = tile[from + Pitch], Z = tile[from + (2 * Pitch)], W = tile[from + (3 * Pitch)] };
                target.Chunks[((((long)Grid.IdxZ * target.Rows) + row0 + r) * target.Pitch) + to] = TensorFloat32Operands.Round(four, four);
            }
        }
    }
}
