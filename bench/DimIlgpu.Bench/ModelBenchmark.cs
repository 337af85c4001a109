using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using DimIlgpu.Model;

namespace DimIlgpu.Bench;

/// <summary>
/// DiM-S/2 on 32×32×4 latents, 256 tokens: a forward pass as sampling does it, and a whole step of training. Held on a
/// CPU against its multiply-adds (three times as many for a step) at 80 % of the peak and its scan at the scan's bound.
/// </summary>
public sealed class ModelBenchmark : IBenchmark
{
    private const double ShareOfPeak = 0.8;

    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        DimOptions options = DimSizes.Apply("DiM-S/2", new() { Sample = new(1, 32, 32, 4), Classes = 1000, LearnsVariance = true });
        DimCost cost = DimCost.Of(options);
        using DiffusionMamba network = new(options, device);
        network.Initialize(seed: 1);
        using Tape inference = new(device, recording: false), training = new(device);
        using DeviceGraph forward = new(device), gradients = new(device), update = new(device);
        AdamWOptimizer optimizer = new(network.Parameters, new());
        long step = 0;
        foreach (int batch in new[] { 1, 4 })
        {
            Tensor x = arena.Random(new(batch, options.Sample.Length)), target = arena.Random(x.Shape);
            Tensor labels = arena.Rent(new(batch, 1)), seed = arena.Random(new(batch, 1));
            labels.Upload([.. Enumerable.Range(1, batch)]);
            float[] values = new float[batch * TimestepFeatures.DefaultWidth];
            TimestepFeatures.Write([.. Enumerable.Range(1, batch).Select(i => 200f * i)], values);
            Tensor times = arena.Rent(new(batch, TimestepFeatures.DefaultWidth));
            times.Upload(values);

            string shape = $"DiM-S/2 B{batch} L{options.Patches.Tokens}";
            double products = 2.0 * batch * cost.MultiplyAdds / ShareOfPeak, states = (double)batch * cost.ScanStates;
            yield return new("model.forward", shape, Bound.Time, 0, () => forward.Run(batch, () =>
            {
                _ = network.Forward(inference, x, times, labels);
                inference.Reset();
            }))
            { PeakWork = products + (SelectiveScanBenchmark.ForwardOperations * states) };
            yield return new("model.training-step", shape, Bound.Time, 0, () =>
            {
                gradients.Run(batch, Differentiate);

                // No learning rate: the values, and with them the time, stay what they are.
                optimizer.Step(++step, learningRate: 0, emaDecay: 0.9999, graph: update);
            })
            {
                PeakWork = (3 * products) +
                    ((SelectiveScanBenchmark.ForwardOperations + SelectiveScanBenchmark.BackwardOperations) * states),
            };

            void Differentiate()
            {
                NetworkOutput output = network.Forward(training, x, times, labels);
                Variable loss = training.Sum(
                    training.MeanSquaredError(output.Prediction, target), training.MeanSquaredError(output.Variance!, target));
                training.Backward(loss, seed);
                training.Reset();
            }
        }
    }
}
