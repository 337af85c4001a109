using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using DimIlgpu.Model;

namespace DimIlgpu.Bench;

/// <summary>DiM-S/2 on 32×32×4 latents, 256 tokens: a forward pass as sampling does it, and a whole step of training.</summary>
public sealed class ModelBenchmark : IBenchmark
{
    private const int Batch = 4;

    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        DimOptions options = DimSizes.Apply("DiM-S/2", new() { Sample = new(1, 32, 32, 4), Classes = 1000, LearnsVariance = true });
        using DiffusionMamba network = new(options, device);
        network.Initialize(seed: 1);
        using Tape inference = new(device, recording: false), training = new(device);
        AdamWOptimizer optimizer = new(network.Parameters, new());
        Tensor x = arena.Random(new(Batch, options.Sample.Length)), target = arena.Random(x.Shape);
        Tensor labels = arena.Rent(new(Batch, 1)), seed = arena.Random(new(Batch, 1));
        labels.Upload([1, 2, 3, 4]);
        float[] values = new float[Batch * TimestepFeatures.DefaultWidth];
        TimestepFeatures.Write([100f, 300f, 500f, 900f], values);
        Tensor times = arena.Rent(new(Batch, TimestepFeatures.DefaultWidth));
        times.Upload(values);

        string shape = $"DiM-S/2 B{Batch} L{options.Patches.Tokens}";
        yield return new("model.forward", shape, Bound.Time, 0, () =>
        {
            _ = network.Forward(inference, x, times, labels);
            inference.Reset();
        });
        long step = 0;
        yield return new("model.training-step", shape, Bound.Time, 0, () =>
        {
            NetworkOutput output = network.Forward(training, x, times, labels);
            Variable loss = training.Sum(
                training.MeanSquaredError(output.Prediction, target), training.MeanSquaredError(output.Variance!, target));
            training.Backward(loss, seed);
            training.Reset();

            // No learning rate: the values, and with them the time, stay what they are.
            optimizer.Step(++step, learningRate: 0, emaDecay: 0.9999);
        });
    }
}
