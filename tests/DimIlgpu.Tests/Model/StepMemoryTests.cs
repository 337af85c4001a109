using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using DimIlgpu.Model;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>What a step leaves on the managed heap. Alone, because the heap is everybody's.</summary>
[Collection(nameof(StepMemoryTests))]
[CollectionDefinition(nameof(StepMemoryTests), DisableParallelization = true)]
public sealed class StepMemoryTests
{
    private const long Noise = 64 << 10;

    private static readonly DimOptions Small = new()
    {
        Sample = new(1, 8, 8, 3), Patch = 2, Width = 32, Depth = 2, Classes = 5, LearnsVariance = true,
    };

    [Fact]
    public void A_step_of_the_smallest_published_size_allocates_less_than_a_megabyte()
    {
        DimOptions options = DimSizes.Apply("DiM-S/2", new() { Sample = new(1, 32, 32, 4), Classes = 1000, LearnsVariance = true });
        using Steps steps = new(options, batch: 1);
        steps.Train(2);
        long before = GC.GetAllocatedBytesForCurrentThread();
        steps.Train(1);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Nothing_of_a_step_outlives_generation_0(bool training)
    {
        using Steps steps = new(Small, batch: 2);
        steps.Run(training, 20);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        do
        {
            steps.Run(training, 1);
        }
        while (GC.GetAllocatedBytesForCurrentThread() - allocated < 4 * Noise);

        GC.Collect(0, GCCollectionMode.Forced, blocking: true);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: false) - before, long.MinValue, Noise);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_thousand_steps_keep_no_more_than_the_first(bool training)
    {
        using Steps steps = new(Small, batch: 2);
        steps.Run(training, 20);
        (long managed, long device) before = (GC.GetTotalMemory(forceFullCollection: true), steps.HeldBytes);
        steps.Run(training, 1000);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before.managed, long.MinValue, Noise);
        Assert.Equal(before.device, steps.HeldBytes);
    }

    private sealed class Steps : IDisposable
    {
        private readonly DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        private readonly Arena arena;
        private readonly Tape training, sampling;
        private readonly DiffusionMamba network;
        private readonly AdamWOptimizer optimizer;
        private readonly Tensor x, times, labels, seed;
        private long step;

        public Steps(DimOptions options, int batch)
        {
            Device device = this.lease.Device;
            this.arena = new(device);
            this.training = new(device);
            this.sampling = new(device, recording: false);
            this.network = new(options, device);
            this.network.Initialize(seed: 1);
            this.optimizer = new(this.network.Parameters, new());
            this.x = this.arena.Rent(new(batch, options.Sample.Length), clear: true);
            this.times = this.arena.Rent(new(batch, TimestepFeatures.DefaultWidth), clear: true);
            this.labels = this.arena.Rent(new(batch, 1), clear: true);
            this.seed = this.arena.Rent(new(batch, 1), clear: true);
        }

        public long HeldBytes => this.arena.HeldBytes + this.training.HeldBytes + this.sampling.HeldBytes;

        public void Run(bool training, int count)
        {
            if (training)
            {
                this.Train(count);
                return;
            }

            for (int i = 0; i < count; i++)
            {
                _ = this.network.Forward(this.sampling, this.x, this.times, this.labels);
                this.sampling.Reset();
            }
        }

        public void Train(int count)
        {
            for (int i = 0; i < count; i++)
            {
                NetworkOutput output = this.network.Forward(this.training, this.x, this.times, this.labels);
                Variable loss = this.training.Sum(
                    this.training.MeanSquaredError(output.Prediction, this.x), this.training.MeanSquaredError(output.Variance!, this.x));
                this.training.Backward(loss, this.seed);
                this.training.Reset();
                this.optimizer.Step(++this.step, learningRate: 1e-4, emaDecay: 0.9999);
            }
        }

        public void Dispose()
        {
            this.network.Dispose();
            this.training.Dispose();
            this.sampling.Dispose();
            this.arena.Dispose();
            this.lease.Dispose();
        }
    }
}
