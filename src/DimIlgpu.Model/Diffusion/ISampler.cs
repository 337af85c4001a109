using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>Turns noise into samples.</summary>
public interface ISampler
{
    /// <summary>A short name for people and configuration files.</summary>
    string Name { get; }

    /// <summary>How many steps it takes.</summary>
    int Steps { get; }

    /// <summary>Runs step by step: each step of the enumeration is one step of the sampler, and ending it early stops there.</summary>
    /// <param name="denoiser">The network.</param>
    /// <param name="x">The initial noise (<see cref="SamplerExtensions.Begin"/>), (B, n), dense; becomes the samples.</param>
    /// <param name="seed">Decides every random number; the same seed gives the same samples on one device.</param>
    /// <exception cref="ArgumentException">The network predicts a variance where the sampler cannot use one.</exception>
    IEnumerable<SamplingStep> Sample(IDenoiser denoiser, Tensor x, ulong seed);
}

/// <summary>Where a sampler has come to.</summary>
/// <param name="Number">Steps done: 1 to <paramref name="Count"/>.</param>
/// <param name="Count">Steps in all.</param>
/// <param name="Level">The noise level of <paramref name="X"/>.</param>
/// <param name="X">The samples as they are, (B, n); valid until the next step.</param>
/// <param name="Denoised">The clean samples as they were last estimated, (B, n); valid until the next step.</param>
public readonly record struct SamplingStep(int Number, int Count, NoiseLevel Level, Tensor X, Tensor Denoised);

/// <summary>What every sampler can do.</summary>
public static class SamplerExtensions
{
    /// <summary>Fills <paramref name="x"/> with the initial noise that belongs to a seed.</summary>
    public static void Begin(Tensor x, ulong seed)
    {
        using Arena arena = new(x.Device, blockLength: 64);
        Tensor state = arena.Rent(new(1, 4));
        state.Upload(RandomSequence.State(seed, 0));
        Noise.Normal(x.Device, state, 0, x);
        x.Device.Synchronize();
    }

    extension(ISampler sampler)
    {
        /// <summary>Runs to the end from the seed's own noise.</summary>
        /// <inheritdoc cref="ISampler.Sample"/>
        public void Run(IDenoiser denoiser, Tensor x, ulong seed)
        {
            Begin(x, seed);
            foreach (SamplingStep _ in sampler.Sample(denoiser, x, seed))
            {
            }
        }
    }
}
