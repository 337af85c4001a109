using DimIlgpu.Kernels;
using DimIlgpu.Model.Diffusion;

namespace DimIlgpu.Tests;

/// <summary>The exact network for data that are independent N(mean, deviation²).</summary>
internal sealed class GaussianDenoiser(Device device, IObjective objective, double mean, double deviation) : IDenoiser, IDisposable
{
    private readonly Arena arena = new(device);

    public bool LearnsVariance { get; init; }

    /// <summary>What it says about the variance, everywhere.</summary>
    public double Variance { get; init; }

    public int Evaluations { get; private set; }

    public void Predict(Tensor x, NoiseLevel level, Tensor times, Tensor prediction, Tensor? variance)
    {
        this.Evaluations++;
        using ArenaScope scope = this.arena.Scope();
        double a = level.Signal, s = level.Noise;
        double gain = a * deviation * deviation / ((a * a * deviation * deviation) + (s * s));
        double offset = mean - (gain * a * mean);
        LinearPair target = objective.Target(level);
        double ofSample = target.OfSample - (target.OfOther * a / s);
        this.Affine(x, (target.OfOther / s) + (ofSample * gain), ofSample * offset, prediction);
        if (variance is { } v)
        {
            this.Affine(x, 0, this.Variance, v);
        }
    }

    /// <summary>The solution of the probability flow from one level to another.</summary>
    public double Flow(double x, NoiseLevel from, NoiseLevel to)
    {
        double Spread(NoiseLevel l) =>
            Math.Sqrt((l.Signal * l.Signal * deviation * deviation) + (l.Noise * l.Noise));
        return (to.Signal * mean) + (Spread(to) / Spread(from) * (x - (from.Signal * mean)));
    }

    public void Dispose() => this.arena.Dispose();

    private void Affine(Tensor x, double factor, double offset, Tensor y)
    {
        Tensor ones = this.arena.Rent(x.Shape), k = this.arena.Rent(new(1, Mix.Width));
        ones.Upload([.. Enumerable.Repeat(1f, (int)x.Shape.Length)]);
        k.Upload([(float)factor, (float)offset, 0f, 0f, 0f]);
        Mix.Forward(device, [x, ones], k, y);
    }
}
