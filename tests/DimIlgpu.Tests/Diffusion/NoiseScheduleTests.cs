using DimIlgpu.Model.Diffusion;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class NoiseScheduleTests
{
    [Fact]
    public void Linear_betas_run_between_the_published_ends()
    {
        NoiseSchedule schedule = NoiseSchedule.Linear();
        Assert.Equal(1000, schedule.Steps);
        Assert.Equal(1e-4, schedule.Beta(0), 1e-12);
        Assert.Equal(0.02, schedule.Beta(999), 1e-12);
        Assert.Equal(4.0358e-5, schedule.AlphaBar(999), 1e-8);
    }

    [Fact]
    public void Cosine_follows_its_formula_and_its_last_beta_is_bounded()
    {
        NoiseSchedule schedule = NoiseSchedule.Cosine();
        static double F(double t) => Math.Pow(Math.Cos((t + 0.008) / 1.008 * Math.PI / 2), 2);
        foreach (int i in new[] { 0, 1, 500, 900 })
        {
            Assert.Equal(F((i + 1) / 1000.0) / F(0), schedule.AlphaBar(i), 1e-10);
        }

        Assert.Equal(0.999, schedule.Beta(999), 1e-12);
    }

    [Fact]
    public void The_posterior_is_that_of_two_gaussians()
    {
        NoiseSchedule schedule = NoiseSchedule.Linear();
        foreach (int i in new[] { 1, 10, 500, 999 })
        {
            // Bayes: precisions add, as do means times precisions.
            double before = schedule.AlphaBar(i - 1), beta = schedule.Beta(i);
            double precision = (1 / (1 - before)) + ((1 - beta) / beta);
            Assert.Equal(1 / precision, schedule.PosteriorVariance(i), 1e-12);
            Assert.Equal(Math.Sqrt(before) / (1 - before) / precision, schedule.PosteriorMean(i).OfOther, 1e-9);
            Assert.Equal(Math.Sqrt(1 - beta) / beta / precision, schedule.PosteriorMean(i).OfSample, 1e-9);
        }

        Assert.Equal(new LinearPair(0, 1), schedule.PosteriorMean(0) with { OfOther = Math.Round(schedule.PosteriorMean(0).OfOther, 12) });
        Assert.Equal(schedule.PosteriorLogVariance(1), schedule.PosteriorLogVariance(0));
    }

    [Theory]
    [InlineData(TimestepSpacing.Leading, 10, new[] { 0, 100, 200, 300, 400, 500, 600, 700, 800, 900 })]
    [InlineData(TimestepSpacing.Spread, 5, new[] { 0, 250, 500, 749, 999 })]
    [InlineData(TimestepSpacing.Spread, 1, new[] { 999 })]
    [InlineData(TimestepSpacing.Leading, 1, new[] { 0 })]
    public void Respacing_keeps_the_expected_steps_and_their_noise(TimestepSpacing spacing, int steps, int[] expected)
    {
        NoiseSchedule full = NoiseSchedule.Linear(), schedule = full.Respace(steps, spacing);
        Assert.Equal(expected, Enumerable.Range(0, schedule.Steps).Select(schedule.Timestep));
        double product = 1;
        for (int i = 0; i < steps; i++)
        {
            Assert.Equal(full.AlphaBar(expected[i]), schedule.AlphaBar(i));
            product *= 1 - schedule.Beta(i);
            Assert.Equal(product, schedule.AlphaBar(i), 1e-12);
            Assert.Equal(expected[i], schedule.Level(i).Time);
        }
    }

    [Fact]
    public void Even_log_ratios_are_even_up_to_rounding()
    {
        NoiseSchedule schedule = NoiseSchedule.Linear(100_000, 1e-6, 2e-4).Respace(9, TimestepSpacing.LogRatio);
        double[] steps = [.. Enumerable.Range(0, 8).Select(i => schedule.Level(i).LogRatio - schedule.Level(i + 1).LogRatio)];
        Assert.All(steps, s => Assert.Equal(steps.Average(), s, 0.02 * steps.Average()));
    }

    [Fact]
    public void Steps_that_cannot_be_are_refused()
    {
        NoiseSchedule schedule = NoiseSchedule.Linear(10);
        Assert.Throws<ArgumentOutOfRangeException>(() => schedule.Respace(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => schedule.Respace(11));
        Assert.Throws<ArgumentOutOfRangeException>(() => NoiseSchedule.FromBetas([0.1, 1.0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => NoiseSchedule.FromBetas([]));
    }
}
