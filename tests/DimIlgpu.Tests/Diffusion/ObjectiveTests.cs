using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using DimIlgpu.Model.Diffusion;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class ObjectiveTests
{
    [Fact]
    public void A_perfect_output_recovers_sample_and_noise()
    {
        IObjective[] objectives = [new EpsilonObjective(), new VelocityObjective(), new SampleObjective(), new FlowObjective()];
        foreach (IObjective objective in objectives)
        {
            RandomSequence random = new(1, 1);
            for (int i = 0; i < 20; i++)
            {
                NoiseLevel level = objective.Draw(random);
                double x0 = random.NextNormal(), noise = random.NextNormal();
                double x = (level.Signal * x0) + (level.Noise * noise);
                LinearPair target = objective.Target(level), sample = objective.Sample(level), eps = objective.Noise(level);
                double output = (target.OfSample * x0) + (target.OfOther * noise);
                Assert.Equal(x0, (sample.OfSample * x) + (sample.OfOther * output), 1e-9);
                Assert.Equal(noise, (eps.OfSample * x) + (eps.OfOther * output), 1e-9);
            }
        }
    }

    [Fact]
    public void Min_snr_weights_have_the_published_form()
    {
        foreach (int i in new[] { 0, 100, 500, 999 })
        {
            NoiseLevel level = NoiseSchedule.Linear().Level(i);
            double snr = level.SignalToNoise, bounded = Math.Min(snr, 5);
            Assert.Equal(bounded / snr, new EpsilonObjective { MinSnrGamma = 5 }.Weight(level), 1e-9);
            Assert.Equal(bounded / (snr + 1), new VelocityObjective { MinSnrGamma = 5 }.Weight(level), 1e-9);
            Assert.Equal(bounded, new SampleObjective { MinSnrGamma = 5 }.Weight(level), 1e-9);
            Assert.Equal(1, new EpsilonObjective().Weight(level));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => new EpsilonObjective { MinSnrGamma = -1 });
    }

    [Theory]
    [InlineData(FlowTimes.Uniform, 0.0833)]
    [InlineData(FlowTimes.LogitNormal, 0.0433)]
    public void Flow_times_have_the_variance_of_their_distribution(FlowTimes times, double variance)
    {
        FlowObjective objective = new() { Times = times };
        RandomSequence random = new(3, 1);
        double[] t = [.. Enumerable.Range(0, 20_000).Select(_ => objective.Draw(random).Noise)];
        Assert.Equal(0.5, t.Average(), 0.01);
        Assert.Equal(variance, t.Average(v => (v - 0.5) * (v - 0.5)), 0.002);
        Assert.Equal(250, FlowObjective.Level(0.25).Time);
    }

    [Fact]
    public void Only_noise_comes_with_a_learned_variance() => Assert.Equal(
        [true, false, false, false],
        new IObjective[] { new EpsilonObjective(), new VelocityObjective(), new SampleObjective(), new FlowObjective() }
            .Select(o => o.CanLearnVariance));

    [Fact]
    public void A_draw_is_the_same_for_a_seed_and_covers_the_schedule()
    {
        EpsilonObjective objective = new();
        TrainingDraw draw = new(objective, new(1, 2), 4000), again = new(objective, new(1, 2), 4000);
        Assert.Equal(draw.Times.ToArray(), again.Times.ToArray());
        Assert.True(draw.Levels.Select(l => l.Index).Distinct().Count() > 950);
        Assert.Equal(4000 * VariationalBound.Width, draw.Bound.Length);
        Assert.Equal(0, new TrainingDraw(new FlowObjective(), new(1, 2), 8).Bound.Length);
    }

    [Fact]
    public void The_loss_is_the_squared_error_plus_the_bound_whose_gradient_reaches_the_variance_alone()
    {
        const int Batch = 3, Length = 24;
        EpsilonObjective objective = new(NoiseSchedule.Linear(2000));
        TrainingDraw draw = new(objective, new(5, 1), Batch);
        Shape shape = new(Batch, Length);
        double[] sample = Data.Random(1, Batch * Length), noise = Data.Normal(2, Batch * Length);
        double[] k = [.. draw.Bound.ToArray().Select(v => (double)v)];
        double[] bits = [];
        OperatorTest.Run(
            TestDevice.Cpu8,
            [(Data.Normal(3, Batch * Length), shape), (Data.Random(4, Batch * Length), shape)],
            (tape, x) => DiffusionLoss.Of(
                tape, x[0], x[1], Upload(tape, sample, shape), Upload(tape, noise, shape),
                Upload(tape, [.. draw.Losses.ToArray().Select(v => (double)v)], new(Batch, Mix.Width)),
                Upload(tape, k, new(Batch, VariationalBound.Width))),
            x =>
            {
                // Constant in the prediction, so that central differences see no gradient there.
                bits = bits.Length == 0 ? x[0] : bits;
                double[] bound = VariationalBoundReference.Forward(sample, noise, bits, x[1], k, Length);
                return [.. MeanSquaredErrorReference.Forward(x[0], noise, Length).Zip(bound, (m, b) => m + (2 * b))];
            });
    }

    private static Tensor Upload(Tape tape, double[] values, Shape shape)
    {
        Tensor tensor = tape.Rent(shape);
        tensor.Upload([.. values.Select(v => (float)v)]);
        return tensor;
    }
}
