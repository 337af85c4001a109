using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>The product with a weight matrix, plus a bias.</summary>
/// <remarks>
/// <para>Y = f(X Wᵀ + b), with X (M, K), W (N, K), b (1, N), Y (M, N), and f the identity unless an <see cref="Activation"/> is given.</para>
/// <para>dX += dS W; dW += dSᵀ X; db += Σ_rows dS, where S = X Wᵀ + b and dS = f′(S) ⊙ dY; <see cref="Softplus.Backward"/> gives softplus's.</para>
/// <para>
/// True float32, unless the device was opened with another <see cref="MatrixPrecision"/>: then the operands of the three
/// products are rounded. Sums are float32 still, and results are rounded once where they are stored in bfloat16, as any of
/// X, W, Y, dY and dX may be.
/// </para>
/// <para>
/// A batch of G weights, as of the two scan directions, is stacked by rows: X (G·M, K), W (G·N, K), b (G, N),
/// Y (G·M, N), and each block meets its own weight.
/// </para>
/// </remarks>
public static class Linear
{
    // dW has few outputs and a long reduction over tokens: GPUs cut it into parts of at least this many tokens,
    // until there are enough tiles. By shape alone, so that sums never depend on the machine.
    private const int FewestTokens = 512;
    private const int EnoughTiles = 512;

    /// <summary>Y = f(X Wᵀ + b).</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Input, (G·M, K).</param>
    /// <param name="weight">W, (G·N, K).</param>
    /// <param name="bias">b, (G, N); null for none.</param>
    /// <param name="y">Output, (G·M, N).</param>
    /// <param name="batch">G, the number of weights.</param>
    /// <param name="packed">Keeps what the CPU makes of the weight for the next product with it; null for none.</param>
    /// <param name="activation">f.</param>
    /// <exception cref="ArgumentException">The shapes do not fit each other.</exception>
    public static void Forward(
        Device device, Tensor x, Tensor weight, Tensor? bias, Tensor y, int batch = 1, PackedWeight? packed = null,
        Activation activation = Activation.Identity)
    {
        (int m, int n, int k) = CheckShapes(x, weight, y, batch);
        if (bias is { } b)
        {
            Check.Shape(b, new(batch, n), nameof(bias));
        }

        if (device.HasTensorCores)
        {
            LinearTensorCores.Forward(device, x, weight, bias, y, batch, activation);
            return;
        }

        Multiply(
            device, m, n, k, batch,
            new(x.Memory, x.Pitch, 1, (long)m * x.Pitch),
            new(weight.Memory, 1, weight.Pitch, (long)n * weight.Pitch),
            bias, new(y, Add: false), packed: packed, activation: activation);
    }

    /// <summary>The gradients of the operands, and of the bias, given that of the sums X Wᵀ + b.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">The input of the forward pass, (G·M, K).</param>
    /// <param name="weight">The W of the forward pass, (G·N, K).</param>
    /// <param name="dy">Gradient of the sums, which without an activation are the output, (G·M, N).</param>
    /// <param name="dx">Gradient of X; null where not wanted.</param>
    /// <param name="dWeight">Gradient of W, dense; null where not wanted.</param>
    /// <param name="dBias">Gradient of b; null where not wanted.</param>
    /// <param name="batch">G, the number of weights.</param>
    /// <exception cref="ArgumentException">The shapes do not fit each other.</exception>
    public static void Backward(
        Device device, Tensor x, Tensor weight, Tensor dy, Sink? dx, Sink? dWeight, Sink? dBias, int batch = 1)
    {
        (int m, int n, int k) = CheckShapes(x, weight, dy, batch);
        if (device.HasTensorCores)
        {
            LinearTensorCores.Backward(device, x, weight, dy, dx, dWeight, batch);
            (dx, dWeight) = (null, null);
        }

        if (dx is { } input)
        {
            Check.Shape(input.Tensor, x.Shape, nameof(dx));
            Multiply(
                device, m, k, n, batch,
                new(dy.Memory, dy.Pitch, 1, (long)m * dy.Pitch),
                new(weight.Memory, weight.Pitch, 1, (long)n * weight.Pitch),
                null, input);
        }

        if (dWeight is { } parameter)
        {
            Check.Dense(parameter.Tensor, weight.Shape, nameof(dWeight));
            Multiply(
                device, n, k, m, batch,
                new(dy.Memory, 1, dy.Pitch, (long)m * dy.Pitch),
                new(x.Memory, x.Pitch, 1, (long)m * x.Pitch),
                null, parameter, device.Kind == DeviceKind.Cpu ? 1 : Parts(n, k, m, batch));
        }

        if (dBias is { } shift)
        {
            ColumnSum.Forward(device, dy, shift);
        }
    }

    private static (int M, int N, int K) CheckShapes(Tensor x, Tensor weight, Tensor y, int batch)
    {
        Check.NotEmpty(x);
        Check.NotEmpty(weight);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        Check.Divides(batch, x.Rows, nameof(x));
        Check.Divides(batch, weight.Rows, nameof(weight));
        Check.Shape(weight, new(weight.Rows, x.Columns));
        Check.Shape(y, new(x.Rows, checked((int)(weight.Rows / batch))));
        return (checked((int)(x.Rows / batch)), y.Columns, x.Columns);
    }

    private static int Parts(int m, int n, int k, int batch)
    {
        int tiles = batch * ((m + 63) / 64) * ((n + 63) / 64);
        return Math.Clamp(Math.Min(EnoughTiles / tiles, k / FewestTokens), 1, 64);
    }

    /// <summary>C (+)= f(A B (+ bias)) for each of the batch; the reduction cut into parts that are summed in order.</summary>
    private static void Multiply(
        Device device, int m, int n, int k, int batch, Matrix a, Matrix b, Tensor? bias, Sink c, int parts = 1,
        PackedWeight? packed = null, Activation activation = Activation.Identity)
    {
        if (parts > 1)
        {
            using ArenaScope scope = device.Scratch.Scope();
            Tensor partial = device.Scratch.Rent(new((long)batch * parts, checked(m * n)));
            Launch(device, m, n, k, batch, parts, a, b, default, new(partial.Memory, n, 1, (long)m * n), add: false);
            ColumnSum.Fold(device, partial, parts, c with { Tensor = c.Tensor.Reshape(new(batch, m * n)) });
            return;
        }

        Matrix target = new(c.Tensor.Memory, c.Tensor.Pitch, 1, (long)m * c.Tensor.Pitch);
        Matrix shift = bias is { } row ? new(row.Memory, 0, 1, row.Pitch) : default;
        Launch(device, m, n, k, batch, 1, a, b, shift, target, c.Add, packed, activation);
    }

    private static void Launch(
        Device device, int m, int n, int k, int batch, int parts, Matrix a, Matrix b, Matrix bias, Matrix c, bool add,
        PackedWeight? packed = null, Activation activation = Activation.Identity)
    {
        int start = bias.RowStride == 0 && bias.ColumnStride == 1 ? LinearStart.Bias : add ? LinearStart.Add : LinearStart.Zero;
        Product product = new(m, n, k, parts, a, b, bias.ColumnStride == 1 ? bias : c, c, start, activation);
        if (device.Kind == DeviceKind.Cpu)
        {
            LinearPanels.Launch(device, product, batch, packed);
        }
        else
        {
            device.Groups(
                new LinearTiles(product),
                new Index3D((n + LinearTiles.Side - 1) / LinearTiles.Side, (m + LinearTiles.Side - 1) / LinearTiles.Side, batch * parts),
                LinearTiles.Threads);
        }
    }
}

/// <summary>A matrix in memory: element (r, c) of batch g stands at g·batch + r·row + c·column.</summary>
internal readonly struct Matrix(Floats memory, long rowStride, long columnStride, long batchStride)
{
    public readonly Floats Memory = memory;
    public readonly long RowStride = rowStride;
    public readonly long ColumnStride = columnStride;
    public readonly long BatchStride = batchStride;

    /// <summary>The same memory with rows and columns exchanged.</summary>
    public Matrix Transpose() => new(this.Memory, this.ColumnStride, this.RowStride, this.BatchStride);
}

/// <summary>What an output element starts from.</summary>
internal static class LinearStart
{
    public const int Zero = 0;
    public const int Add = 1;
    public const int Bias = 2;
}

/// <summary>C (M, N) = A (M, K) B (K, N), K cut into parts, part p of batch g written to block g·parts + p of C.</summary>
internal readonly struct Product(int m, int n, int k, int parts, Matrix a, Matrix b, Matrix bias, Matrix c, int start, Activation activation)
{
    public readonly int M = m;
    public readonly int N = n;
    public readonly int K = k;
    public readonly int Parts = parts;
    public readonly Matrix A = a;
    public readonly Matrix B = b;
    public readonly Matrix Bias = bias;
    public readonly Matrix C = c;
    public readonly int Start = start;
    public readonly Activation Activation = activation;

    /// <summary>The same, added to what C holds.</summary>
    public Product Continue() => new(this.M, this.N, this.K, this.Parts, this.A, this.B, this.Bias, this.C, LinearStart.Add, this.Activation);

    /// <summary>Cᵀ = Bᵀ Aᵀ: the same elements in the same places. Not for a product that starts from a bias.</summary>
    public Product Transpose() => new(
        this.N, this.M, this.K, this.Parts, this.B.Transpose(), this.A.Transpose(), this.Bias.Transpose(), this.C.Transpose(), this.Start, this.Activation);
}
