using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>How far a result is from its double-precision reference.</summary>
/// <param name="Name">Operator and result.</param>
/// <param name="Error">‖result − reference‖ / ‖reference‖; NaN where an element is.</param>
/// <param name="Limit">What it may be.</param>
public sealed record CheckedResult(string Name, double Error, double Limit)
{
    /// <summary>Whether the error is within the limit.</summary>
    public bool IsGood => this.Error <= this.Limit;
}

/// <summary>Holds the kernels that are timed against their references, in a second or two and without the test suite.</summary>
public static class KernelCheck
{
    /// <summary>Checks the products, the scan and the operators bound by memory, forward and backward; the last with the device's activations.</summary>
    /// <param name="device">Where to run.</param>
    public static IEnumerable<CheckedResult> Run(Device device) =>
        [.. Products(device, 256, 192, 128, 1), .. Products(device, 301, 104, 74, 2), .. ShortProduct(device, 2, 301, 264, 72, LinearPlan.Short()),
            .. GroupProducts(device), .. Scan(device, 2, 300, 160),
            .. Scan(device, 2, 96, 192, width: 3, ElementType.BFloat16), .. Convolution(device), .. Convolution(device, chunk: 64),
            .. Norm(device), .. GatedNorm(device), .. Gates(device), .. Sums(device), .. Moves(device), .. Maps(device), .. Losses(device)];

    // What only large results choose by themselves: whole tiles, several to a group, and tiles in parts; short reductions; thin gradients.
    private static IEnumerable<CheckedResult> GroupProducts(Device device) => device.HasWarpGroups && device.MatrixPrecision == MatrixPrecision.BFloat16
        ? [.. Products(device, 530, 400, 584, 2, new(LinearTile.Groups, int.MaxValue, 1)), .. Products(device, 530, 400, 584, 2, new(LinearTile.Groups, 3, 4)),
            .. ShortProduct(device, 2, 301, 264, 72, LinearPlan.Short(groups: true)), .. ShortProduct(device, 2, 1100, 1000, 104, LinearPlan.Short(1, groups: true)),
            .. Products(device, 1030, 400, 72, 2, new(LinearTile.Thin, 0, 3)), .. Products(device, 2100, 104, 500, 2, new(LinearTile.Thin, 0, 11))]
        : [];

    private static CheckedResult[] Products(Device device, int m, int n, int k, int batch, LinearPlan? plan = null)
    {
        using Arena arena = new(device);
        double[] x = Random(1, batch * m * k), w = Random(2, batch * n * k), dy = Random(3, batch * m * n);
        Tensor xs = Upload(arena, x, k), ws = Upload(arena, w, k), dys = Upload(arena, dy, n);
        Tensor y = Poisoned(arena, dys.Shape), dx = Poisoned(arena, xs.Shape), dw = Poisoned(arena, ws.Shape);
        double[] bias = Random(4, batch * n);
        Tensor soft = Poisoned(arena, dys.Shape), biases = Upload(arena, bias, n);
        if (plan is null)
        {
            Linear.Forward(device, xs, ws, null, y, batch);
            Linear.Forward(device, xs, ws, biases, soft, batch, activation: Activation.Softplus);
            Linear.Backward(device, xs, ws, dys, new(dx, Add: false), new(dw, Add: false), null, batch);
        }
        else
        {
            LinearTensorCores.Forward(device, xs, ws, null, y, batch, plan: plan);
            LinearTensorCores.Forward(device, xs, ws, biases, soft, batch, Activation.Softplus, plan);
            LinearTensorCores.Backward(device, xs, ws, dys, new(dx, Add: false), new(dw, Add: false), batch, plan);
        }

        double[][] gradients = LinearReference.Adjoint(x, w, dy, batch, m, n, k);
        double limit = device.MatrixPrecision switch
        {
            MatrixPrecision.BFloat16 => 1e-2,
            MatrixPrecision.TensorFloat32 => 2e-3,
            _ => 1e-5,
        };
        string name = $"linear {batch}×{m}×{n}×{k}{(plan is { } cut ? $" {cut}" : "")}";
        return
        [
            Compare($"{name} y", y, LinearReference.Forward(x, w, null, batch, m, n, k), limit),
            Compare($"{name} softplus", soft, [.. LinearReference.Forward(x, w, bias, batch, m, n, k).Select(SoftplusReference.Of)], limit),
            Compare($"{name} dX", dx, gradients[0], limit), Compare($"{name} dW", dw, gradients[1], limit),
        ];
    }

    // What only results of many tiles choose by themselves.
    private static CheckedResult[] ShortProduct(Device device, int batch, int m, int n, int k, LinearPlan plan)
    {
        const ElementType Type = ElementType.BFloat16;
        if (device.MatrixPrecision != MatrixPrecision.BFloat16)
        {
            return [];
        }

        using Arena arena = new(device);
        double[] x = Random(5, batch * m * k, Type), w = Random(6, batch * n * k, Type), bias = Random(7, batch * n), dy = Random(8, batch * m * n, Type);
        Tensor xs = Upload(arena, x, k, Type), ws = Upload(arena, w, k, Type), dys = Upload(arena, dy, n, Type);
        Tensor y = Poisoned(arena, dys.Shape, Type), soft = Poisoned(arena, dys.Shape, Type), biases = Upload(arena, bias, n);
        LinearTensorCores.Forward(device, xs, ws, biases, y, batch, plan: plan);
        LinearTensorCores.Forward(device, xs, ws, biases, soft, batch, Activation.Softplus, plan);

        // The gradient of another product's input, for here the reduction is over the result's columns: n of it must be short.
        Tensor inner = Upload(arena, dy[..(batch * m * 104)], 104, Type), weight = Upload(arena, w[..(batch * 104 * k)], k, Type);
        Tensor dx = Poisoned(arena, xs.Shape, Type);
        LinearTensorCores.Backward(device, xs, weight, inner, new(dx, Add: false), null, batch, plan);
        double[] sums = LinearReference.Forward(x, w, bias, batch, m, n, k);
        double[] gradient = LinearReference.Adjoint(x, w[..(batch * 104 * k)], dy[..(batch * m * 104)], batch, m, 104, k)[0];
        string name = $"short linear {batch}×{m}×{n}×{k}{(plan.Tile == LinearTile.Groups ? " by groups" : "")}";
        return
        [
            Compare($"{name} y", y, sums), Compare($"{name} softplus", soft, [.. sums.Select(SoftplusReference.Of)]), Compare($"{name} dX", dx, gradient),
        ];
    }

    // Whole channels and tiles, which only many channels choose by themselves, with ln(−A) as a narrow network keeps it.
    private static CheckedResult[] Scan(Device device, int batch, int length, int channels, int width = 0, ElementType rates = ElementType.Float32)
    {
        const int States = 16;
        using Arena arena = new(device);
        int rows = 2 * batch * length;
        int[] columns = [channels, channels, channels, States, States, channels];
        int[] counts = [rows, rows, 2 * States, rows, rows, 2];
        double[][] x = [.. columns.Zip(counts, (c, r) => c * r).Select((n, i) => Random(i + 10, n, i == 2 ? rates : ElementType.Float32))];
        x[1] = [.. x[1].Select(v => (double)(float)Math.Log(1 + Math.Exp(v)))];
        Tensor[] inputs = [.. x.Select((v, i) => Upload(arena, v, columns[i], i == 2 ? rates : ElementType.Float32))];
        ScanInputs scan = new(inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5]);
        Tensor y = Poisoned(arena, inputs[0].Shape), kept = arena.Rent(SelectiveScan.CheckpointShape(device, batch, length, States, channels));
        SelectiveScan.Forward(device, scan, y, batch, kept, chunks: 0, width);
        double[] dy = Random(20, rows * channels);
        Sink[] to = [.. inputs.Select(i => new Sink(Poisoned(arena, i.Shape), Add: false))];
        SelectiveScan.Backward(device, scan, kept, Upload(arena, dy, channels), batch, new(to[0], to[1], to[2], to[3], to[4], to[5]), chunks: 0, width);
        SelectiveScanReference reference = new(batch, length, channels, States);
        double[][] gradients = reference.Adjoint(x, dy);
        string[] names = ["du", "dΔ", "dA_log", "dB", "dC", "dD"];
        string kind = width > 0 ? $", whole, A_log {rates}" : "";
        return
        [
            Compare($"selective-scan y{kind}", y, reference.Forward(x), 1e-4),
            .. names.Select((name, i) => Compare($"selective-scan {name}{kind}", to[i].Tensor, gradients[i], 2e-4)),
        ];
    }

    // GPUs give so few tokens short strips, which never enter the loops over tokens that are all there.
    private static CheckedResult[] Convolution(Device device, int? chunk = null)
    {
        const int Rows = 200, Length = 100, Channels = 96, Width = 4;
        using Arena arena = new(device);
        ElementType type = device.ActivationType;
        double[] x = Random(30, Rows * Channels, type), weight = Random(31, 2 * Width * Channels), bias = Random(32, 2 * Channels);
        double[] du = Random(33, 2 * x.Length, type);
        Tensor[] inputs = [Upload(arena, x, Channels, type), Upload(arena, weight, Channels), Upload(arena, bias, Channels)];
        Tensor u = Poisoned(arena, new(2 * Rows, Channels), type);
        CausalConvolution.Forward(device, inputs[0], inputs[1], inputs[2], u, Length, chunk);
        Sink[] to = [.. inputs.Select(i => new Sink(Poisoned(arena, i.Shape, i.ElementType), Add: false))];
        CausalConvolution.Backward(device, inputs[0], inputs[1], inputs[2], Upload(arena, du, Channels, type), to[0], to[1], to[2], Length, chunk);
        double[][] gradients = CausalConvolutionReference.Adjoint(x, weight, bias, du, Length);
        string[] names = ["dx", "dweight", "dbias"];
        string strips = chunk is null ? "" : $", strips of {chunk}";
        return
        [
            Compare($"causal-convolution u{strips}", u, CausalConvolutionReference.Forward(x, weight, bias, Length)),
            .. names.Select((name, i) => Compare($"causal-convolution {name}{strips}", to[i].Tensor, gradients[i])),
        ];
    }

    private static CheckedResult[] Norm(Device device)
    {
        const int Samples = 2, Rows = 100, Columns = 1152;
        using Arena arena = new(device);
        double[] x = Random(40, Rows * Columns), shift = Random(41, Samples * Columns), scale = Random(42, Samples * Columns), dh = Random(43, x.Length, device.ActivationType);
        Tensor[] inputs = [.. new[] { x, shift, scale }.Select(v => Upload(arena, v, Columns))];
        Tensor h = Poisoned(arena, inputs[0].Shape, device.ActivationType), statistics = arena.Rent(new(Rows, 2));
        LayerNorm.Forward(device, inputs[0], inputs[1], inputs[2], h, statistics);
        Sink[] to = [.. inputs.Select(i => new Sink(Poisoned(arena, i.Shape), Add: false))];
        LayerNorm.Backward(device, inputs[0], inputs[2], statistics, Upload(arena, dh, Columns, device.ActivationType), to[0], to[1], to[2]);
        double[][] gradients = LayerNormReference.Adjoint(x, scale, dh, Columns);
        string[] names = ["dx", "dshift", "dscale"];
        return
        [
            Compare("layer-norm h", h, LayerNormReference.Forward(x, shift, scale, Columns)),
            .. names.Select((name, i) => Compare($"layer-norm {name}", to[i].Tensor, gradients[i])),
        ];
    }

    private static CheckedResult[] GatedNorm(Device device)
    {
        const int Samples = 2, Rows = 110, Columns = 1152;
        using Arena arena = new(device);
        ElementType type = device.ActivationType;
        double[] x = Random(90, Rows * Columns), o = Random(91, x.Length, type), dy = Random(92, x.Length), dh = Random(93, x.Length, type);
        double[] gate = Random(94, Samples * Columns), shift = Random(95, gate.Length), scale = Random(96, gate.Length);
        double[] sum = GatedResidualReference.Forward(x, gate, o, Columns);
        Tensor[] m = [.. new[] { gate, shift, scale }.Select(v => Upload(arena, v, Columns))];
        Tensor os = Upload(arena, o, Columns, type), y = Poisoned(arena, new(Rows, Columns)), h = Poisoned(arena, y.Shape, type), statistics = arena.Rent(new(Rows, 2));
        Sink[] to = [.. new[] { y, m[0], os, m[1], m[2] }.Select(t => new Sink(Poisoned(arena, t.Shape, t.ElementType), Add: false))];
        LayerNorm.Forward(device, Upload(arena, x, Columns), m[0], os, y, m[1], m[2], h, statistics);
        LayerNorm.Backward(
            device, y, m[0], os, m[2], statistics, Upload(arena, dy, Columns), Upload(arena, dh, Columns, type),
            new(to[0], to[1], to[2], to[3], to[4]));
        double[][] gradients = LayerNormReference.Adjoint(sum, gate, o, scale, dy, dh, Columns);
        string[] names = ["dx", "dgate", "do", "dshift", "dscale"];
        return
        [
            Compare("gated layer-norm y", y, sum),
            Compare("gated layer-norm h", h, LayerNormReference.Forward(sum, shift, scale, Columns)),
            .. names.Select((name, i) => Compare($"gated layer-norm {name}", to[i].Tensor, gradients[i])),
        ];
    }

    private static CheckedResult[] Gates(Device device)
    {
        const int Samples = 2, Rows = 75, Columns = 292;
        using Arena arena = new(device);
        ElementType type = device.ActivationType;
        double[] x = Random(50, Samples * Rows * Columns), gate = Random(51, Samples * Columns), seed = Random(52, x.Length);
        double[] o = Random(53, x.Length, type), y = Random(54, 2 * x.Length, type), dg = Random(55, x.Length, type);
        double[] perRow = [.. x.Select((_, i) => gate[(i / Columns / Rows * Columns) + (i % Columns)])];
        Tensor gates = Upload(arena, gate, Columns), os = Upload(arena, o, Columns, type), result = Poisoned(arena, new(Samples * Rows, Columns));
        Tensor dx = Poisoned(arena, result.Shape), dgate = Poisoned(arena, gates.Shape), branch = Poisoned(arena, result.Shape, type);
        GatedResidual.Forward(device, Upload(arena, x, Columns), gates, os, result);
        GatedResidual.Backward(device, gates, os, Upload(arena, seed, Columns), new(dx, Add: false), new(dgate, Add: false), new(branch, Add: false));

        Tensor ys = Upload(arena, y, Columns, type), g = Poisoned(arena, result.Shape, type), dy = Poisoned(arena, ys.Shape, type), dz = Poisoned(arena, g.Shape, type);
        SumGate.Forward(device, ys, os, g, divide: true);
        SumGate.Backward(device, ys, os, Upload(arena, dg, Columns, type), new(dy, Add: false), new(dz, Add: false), divide: true);
        double[] silu = [.. o.Select(v => v / (1 + Math.Exp(-v)))];
        double[] slope = [.. o.Select(v => 1 / (1 + Math.Exp(-v))).Zip(o, (s, v) => s * (1 + (v * (1 - s))))];
        double[] direction = [.. dg.Zip(silu, (d, s) => d * s / 2)];
        return
        [
            Compare("gated-residual y", result, GatedResidualReference.Forward(x, gate, o, Columns)),
            Compare("gated-residual dx", dx, seed),
            Compare("gated-residual dgate", dgate, ColumnSumReference.Forward([.. seed.Zip(o, (a, b) => a * b)], Samples, Columns)),
            Compare("gated-residual do", branch, [.. seed.Zip(perRow, (a, b) => a * b)]),
            Compare("sum-gate g", g, SumGateReference.Forward(y, o, divide: true)),
            Compare("sum-gate dy", dy, [.. direction, .. direction]),
            Compare("sum-gate dz", dz, [.. dg.Select((d, i) => d * (y[i] + y[i + x.Length]) * slope[i] / 2)]),
        ];
    }

    private static CheckedResult[] Sums(Device device)
    {
        const int Groups = 2, Rows = 1100, Columns = 260;
        using Arena arena = new(device);
        ElementType type = device.ActivationType;
        double[] x = [.. Random(60, Groups * Rows * Columns, type).Select(v => 4 * v)], bias = Random(61, Groups * Columns), dy = Random(62, x.Length, type);
        Tensor xs = Upload(arena, x, Columns, type), y = Poisoned(arena, xs.Shape, type), dx = Poisoned(arena, xs.Shape, type);
        Tensor biases = Upload(arena, bias, Columns), dbias = Poisoned(arena, biases.Shape), sum = Poisoned(arena, biases.Shape), norm = Poisoned(arena, new(1, 1));
        Softplus.Forward(device, xs, biases, y);
        double[] stored = [.. y.ToArray().Select(v => (double)v)], gradient = [.. stored.Zip(dy, (v, d) => d * (1 - Math.Exp(-v)))];
        Softplus.Backward(device, y, Upload(arena, dy, Columns, type), new(dx, Add: false), new(dbias, Add: false));
        ColumnSum.Forward(device, xs, new(sum, Add: false));
        SquaredNorm.Update(device, Upload(arena, x, Columns), norm);
        return
        [
            Compare("softplus y", y, SoftplusReference.Forward(x, bias, Groups, Columns)),
            Compare("softplus dx", dx, gradient),
            Compare("softplus db", dbias, ColumnSumReference.Forward(gradient, Groups, Columns)),
            Compare("column-sum y", sum, ColumnSumReference.Forward(x, Groups, Columns)),
            Compare("squared-norm y", norm, [SquaredNormReference.Update(x)]),
        ];
    }

    private static CheckedResult[] Moves(Device device)
    {
        const int Rows = 3, Columns = 4608, Batch = 9;
        using Arena arena = new(device);
        PatchLayout layout = new(1, 12, 16, 4, 1, 2);
        double[] images = Random(70, Batch * layout.SampleLength), seed = Random(71, images.Length);
        Tensor samples = Upload(arena, images, layout.SampleLength), patches = Poisoned(arena, new(Batch * layout.Tokens, layout.PatchLength));
        Tensor back = Poisoned(arena, samples.Shape), table = Poisoned(arena, new(1, layout.SampleLength));
        Patches.Patchify(device, samples, new(patches, Add: false), layout);
        Patches.Unpatchify(device, patches, new(back, Add: false), layout);
        AddTable.Backward(device, Upload(arena, seed, layout.SampleLength), null, new Sink(table, Add: false));

        double[][] x = [.. Enumerable.Range(72, 4).Select(i => Random(i, Rows * Columns))];
        double[] k = [.. new[] { 0.3f, -3, -2, 0, 0.01f, -9.8125f, -9.1875f, 1, 0.5f, -4, -1, 1 }.Select(v => (double)v)], dbits = Random(76, Rows);
        Tensor[] inputs = [.. x.Select(v => Upload(arena, v, Columns))];
        Tensor coefficients = Upload(arena, k, VariationalBound.Width), bits = Poisoned(arena, new(Rows, 1)), dvariance = Poisoned(arena, inputs[3].Shape);
        VariationalBound.Forward(device, inputs[0], inputs[1], inputs[2], inputs[3], coefficients, bits);
        VariationalBound.Backward(device, inputs[0], inputs[1], inputs[2], inputs[3], coefficients, Upload(arena, dbits, 1), new(dvariance, Add: false));
        return
        [
            Compare("patches patchify", patches, PatchesReference.Patchify(images, layout)),
            Compare("patches unpatchify", back, images),
            Compare("add-table dtable", table, ColumnSumReference.Forward(seed, 1, layout.SampleLength)),
            Compare("variational-bound y", bits, VariationalBoundReference.Forward(x[0], x[1], x[2], x[3], k, Columns), 5e-5),
            Compare("variational-bound dv", dvariance, BoundSlope(x, k, dbits, Columns), 5e-5),
        ];
    }

    private static CheckedResult[] Maps(Device device)
    {
        const int Batch = 3, Tokens = 67, Count = 2, Columns = 292;
        using Arena arena = new(device);
        ElementType type = device.ActivationType;
        double[] x = [.. Random(80, Batch * Tokens * Columns, type).Select(v => 4 * v)], dy = Random(81, x.Length, type);
        double[] table = Random(82, Tokens * Columns), condition = Random(83, Batch * Count * Columns), stream = Random(84, x.Length);
        Tensor xs = Upload(arena, x, Columns, type), y = Poisoned(arena, xs.Shape, type), dx = Poisoned(arena, xs.Shape, type);
        Tensor streams = Upload(arena, stream, Columns), placed = Poisoned(arena, streams.Shape), dropped = Poisoned(arena, streams.Shape);
        Tensor framed = Poisoned(arena, new(Batch * (Tokens + (2 * Count)), Columns));
        Gelu.Forward(device, xs, y);
        Gelu.Backward(device, xs, Upload(arena, dy, Columns, type), new(dx, Add: false));
        AddTable.Forward(device, streams, Upload(arena, table, Columns), placed);
        TokenFrame.Join(device, streams, Upload(arena, condition, Columns), framed, Count);
        TokenFrame.Drop(device, framed, new(dropped, Add: false), Tokens, Count);
        const double Step = 1e-5;
        double[] above = GeluReference.Forward([.. x.Select(v => v + Step)]), below = GeluReference.Forward([.. x.Select(v => v - Step)]);
        return
        [
            Compare("gelu y", y, GeluReference.Forward(x)),
            Compare("gelu dx", dx, [.. dy.Select((d, i) => d * (above[i] - below[i]) / (2 * Step))]),
            Compare("add-table y", placed, AddTableReference.Forward(stream, table)),
            Compare("token-frame join", framed, TokenFrameReference.Join(stream, condition, Batch)),
            Compare("token-frame drop", dropped, stream),
        ];
    }

    private static CheckedResult[] Losses(Device device)
    {
        const int Rows = 5, Columns = 20004;
        using Arena arena = new(device);
        double[][] x = [.. Enumerable.Range(85, 3).Select(i => Random(i, Rows * Columns))];
        double[] k = [.. Random(88, Rows * Mix.Width).Select((v, i) => i % Mix.Width < 4 ? v : i < Mix.Width ? 0 : 0.5)], seed = Random(89, Rows);
        Tensor[] inputs = [.. x.Select(v => Upload(arena, v, Columns))];
        Tensor mixed = Poisoned(arena, inputs[0].Shape), dx = Poisoned(arena, inputs[0].Shape), loss = Poisoned(arena, new(Rows, 1));
        Mix.Forward(device, inputs, Upload(arena, k, Mix.Width), mixed);
        MeanSquaredError.Forward(device, inputs[0], inputs[1], loss);
        MeanSquaredError.Backward(device, inputs[0], inputs[1], Upload(arena, seed, 1), new(dx, Add: false));
        return
        [
            Compare("mix y", mixed, MixReference.Forward(x, k, Columns)),
            Compare("mean-squared-error y", loss, MeanSquaredErrorReference.Forward(x[0], x[1], Columns)),
            Compare("mean-squared-error dx", dx, [.. x[0].Zip(x[1], (a, b) => a - b).Select((d, i) => 2 * d * seed[i / Columns] / Columns)]),
        ];
    }

    /// <summary>Central differences, each element of which reaches its own row alone.</summary>
    private static double[] BoundSlope(double[][] x, double[] k, double[] dbits, int columns)
    {
        const double Step = 1e-5;
        return [.. Enumerable.Range(0, x[3].Length).Select(i =>
        {
            double[] At(double offset) => VariationalBoundReference.Forward(
                [x[0][i]], [x[1][i]], [x[2][i]], [x[3][i] + offset], k[(4 * (i / columns))..((4 * (i / columns)) + 4)], 1);
            return dbits[i / columns] * (At(Step)[0] - At(-Step)[0]) / (2 * Step) / columns;
        })];
    }

    /// <summary>The error of a result that is stored as it is: bfloat16 keeps 8 bits of it.</summary>
    private static CheckedResult Compare(string name, Tensor result, double[] reference) =>
        Compare(name, result, reference, result.ElementType == ElementType.BFloat16 ? 4e-3 : 1e-5);

    private static CheckedResult Compare(string name, Tensor result, double[] reference, double limit)
    {
        double difference = result.ToArray().Zip(reference, (a, b) => (a - b) * (a - b)).Sum();
        return new(name, Math.Sqrt(difference / reference.Sum(v => v * v)), limit);
    }

    private static double[] Random(int seed, int count, ElementType type = ElementType.Float32)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Stored((2 * random.NextSingle()) - 1, type))];
    }

    /// <summary>What is left of a value that is stored: the upper half of its bits where it is bfloat16.</summary>
    private static double Stored(float value, ElementType type) =>
        type == ElementType.BFloat16 ? BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) & ~0xffff) : value;

    private static Tensor Upload(Arena arena, double[] values, int columns, ElementType type = ElementType.Float32)
    {
        Tensor tensor = arena.Rent(new(values.Length / columns, columns), type: type);
        tensor.Upload(Array.ConvertAll(values, v => (float)v));
        return tensor;
    }

    /// <summary>NaN wherever nothing is written.</summary>
    private static Tensor Poisoned(Arena arena, Shape shape, ElementType type = ElementType.Float32)
    {
        Tensor tensor = arena.Rent(shape, type: type);
        float[] values = new float[shape.Length];
        Array.Fill(values, float.NaN);
        tensor.Upload(values);
        return tensor;
    }
}
