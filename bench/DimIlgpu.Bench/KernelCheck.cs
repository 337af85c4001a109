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
    /// <summary>Checks the products, the scan, the convolution and the norm, forward and backward.</summary>
    /// <param name="device">Where to run.</param>
    public static IEnumerable<CheckedResult> Run(Device device) =>
        [.. Products(device, 256, 192, 128, 1), .. Products(device, 301, 104, 74, 2), .. Scan(device, 2, 300, 160), .. Convolution(device), .. Norm(device)];

    private static CheckedResult[] Products(Device device, int m, int n, int k, int batch)
    {
        using Arena arena = new(device);
        double[] x = Random(1, batch * m * k), w = Random(2, batch * n * k), dy = Random(3, batch * m * n);
        Tensor xs = Upload(arena, x, k), ws = Upload(arena, w, k), dys = Upload(arena, dy, n);
        Tensor y = Poisoned(arena, dys.Shape), dx = Poisoned(arena, xs.Shape), dw = Poisoned(arena, ws.Shape);
        Linear.Forward(device, xs, ws, null, y, batch);
        Linear.Backward(device, xs, ws, dys, new(dx, Add: false), new(dw, Add: false), null, batch);
        double[][] gradients = LinearReference.Adjoint(x, w, dy, batch, m, n, k);
        double limit = device.MatrixPrecision switch
        {
            MatrixPrecision.BFloat16 => 1e-2,
            MatrixPrecision.TensorFloat32 => 2e-3,
            _ => 1e-5,
        };
        string name = $"linear {batch}×{m}×{n}×{k}";
        return
        [
            Compare($"{name} y", y, LinearReference.Forward(x, w, null, batch, m, n, k), limit),
            Compare($"{name} dX", dx, gradients[0], limit), Compare($"{name} dW", dw, gradients[1], limit),
        ];
    }

    private static CheckedResult[] Scan(Device device, int batch, int length, int channels)
    {
        const int States = 16;
        using Arena arena = new(device);
        int rows = 2 * batch * length;
        int[] columns = [channels, channels, channels, States, States, channels];
        int[] counts = [rows, rows, 2 * States, rows, rows, 2];
        double[][] x = [.. columns.Zip(counts, (c, r) => c * r).Select((n, i) => Random(i + 10, n))];
        x[1] = [.. x[1].Select(v => (double)(float)Math.Log(1 + Math.Exp(v)))];
        Tensor[] inputs = [.. x.Zip(columns, (v, c) => Upload(arena, v, c))];
        ScanInputs scan = new(inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5]);
        Tensor y = Poisoned(arena, inputs[0].Shape), kept = arena.Rent(SelectiveScan.CheckpointShape(device, batch, length, States, channels));
        SelectiveScan.Forward(device, scan, y, batch, kept);
        double[] dy = Random(20, rows * channels);
        Sink[] to = [.. inputs.Select(i => new Sink(Poisoned(arena, i.Shape), Add: false))];
        SelectiveScan.Backward(device, scan, kept, Upload(arena, dy, channels), batch, new(to[0], to[1], to[2], to[3], to[4], to[5]));
        SelectiveScanReference reference = new(batch, length, channels, States);
        double[][] gradients = reference.Adjoint(x, dy);
        string[] names = ["du", "dΔ", "dA_log", "dB", "dC", "dD"];
        return
        [
            Compare("selective-scan y", y, reference.Forward(x), 1e-4),
            .. names.Select((name, i) => Compare($"selective-scan {name}", to[i].Tensor, gradients[i], 2e-4)),
        ];
    }

    private static CheckedResult[] Convolution(Device device)
    {
        const int Rows = 200, Length = 100, Channels = 96, Width = 4;
        using Arena arena = new(device);
        double[] x = Random(30, Rows * Channels), weight = Random(31, 2 * Width * Channels), bias = Random(32, 2 * Channels), du = Random(33, 2 * x.Length);
        Tensor[] inputs = [.. new[] { x, weight, bias }.Select(v => Upload(arena, v, Channels))];
        Tensor u = Poisoned(arena, new(2 * Rows, Channels));
        CausalConvolution.Forward(device, inputs[0], inputs[1], inputs[2], u, Length);
        Sink[] to = [.. inputs.Select(i => new Sink(Poisoned(arena, i.Shape), Add: false))];
        CausalConvolution.Backward(device, inputs[0], inputs[1], inputs[2], Upload(arena, du, Channels), to[0], to[1], to[2], Length);
        double[][] gradients = CausalConvolutionReference.Adjoint(x, weight, bias, du, Length);
        string[] names = ["dx", "dweight", "dbias"];
        return
        [
            Compare("causal-convolution u", u, CausalConvolutionReference.Forward(x, weight, bias, Length), 1e-5),
            .. names.Select((name, i) => Compare($"causal-convolution {name}", to[i].Tensor, gradients[i], 1e-5)),
        ];
    }

    private static CheckedResult[] Norm(Device device)
    {
        const int Samples = 2, Rows = 100, Columns = 1152;
        using Arena arena = new(device);
        double[] x = Random(40, Rows * Columns), shift = Random(41, Samples * Columns), scale = Random(42, Samples * Columns), dh = Random(43, x.Length);
        Tensor[] inputs = [.. new[] { x, shift, scale }.Select(v => Upload(arena, v, Columns))];
        Tensor h = Poisoned(arena, inputs[0].Shape), statistics = arena.Rent(new(Rows, 2));
        LayerNorm.Forward(device, inputs[0], inputs[1], inputs[2], h, statistics);
        Sink[] to = [.. inputs.Select(i => new Sink(Poisoned(arena, i.Shape), Add: false))];
        LayerNorm.Backward(device, inputs[0], inputs[2], statistics, Upload(arena, dh, Columns), to[0], to[1], to[2]);
        double[][] gradients = LayerNormReference.Adjoint(x, scale, dh, Columns);
        string[] names = ["dx", "dshift", "dscale"];
        return
        [
            Compare("layer-norm h", h, LayerNormReference.Forward(x, shift, scale, Columns), 1e-5),
            .. names.Select((name, i) => Compare($"layer-norm {name}", to[i].Tensor, gradients[i], 1e-5)),
        ];
    }

    private static CheckedResult Compare(string name, Tensor result, double[] reference, double limit)
    {
        double difference = result.ToArray().Zip(reference, (a, b) => (a - b) * (a - b)).Sum();
        return new(name, Math.Sqrt(difference / reference.Sum(v => v * v)), limit);
    }

    private static double[] Random(int seed, int count)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (double)((2 * random.NextSingle()) - 1))];
    }

    private static Tensor Upload(Arena arena, double[] values, int columns)
    {
        Tensor tensor = arena.Rent(new(values.Length / columns, columns));
        tensor.Upload(Array.ConvertAll(values, v => (float)v));
        return tensor;
    }

    /// <summary>NaN wherever nothing is written.</summary>
    private static Tensor Poisoned(Arena arena, Shape shape)
    {
        Tensor tensor = arena.Rent(shape);
        float[] values = new float[shape.Length];
        Array.Fill(values, float.NaN);
        tensor.Upload(values);
        return tensor;
    }
}
