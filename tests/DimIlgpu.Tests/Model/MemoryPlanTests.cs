using DimIlgpu.Kernels;
using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>What is planned is what is taken.</summary>
public sealed class MemoryPlanTests
{
    private const long Mebibyte = 1 << 20;

    // A GPU compiles its kernels anew for each device that is opened: fewer cases, all kinds.
    public static TheoryData<TestDevice, bool, bool> Cases => Devices.Present(
        (TestDevice.Cpu16, false, false),
        (TestDevice.Cpu16, false, true),
        (TestDevice.Cpu16, true, false),
        (TestDevice.Cpu16, true, true),
        (TestDevice.Cpu4, false, true),
        (TestDevice.OpenCl, true, true),
        (TestDevice.Cuda, false, false),
        (TestDevice.CudaTf32, false, true),
        (TestDevice.CudaBf16, true, true));

    [Theory, MemberData(nameof(Cases))]
    public void A_plan_of_training_is_what_a_step_takes(TestDevice kind, bool checkpointBlocks, bool learnsVariance)
    {
        RunConfig config = Config(checkpointBlocks, learnsVariance);
        (Device real, Device planned) = Open(kind);
        using (real)
        using (planned)
        {
            MemoryPlan plan = MemoryPlan.OfTraining(config, planned);
            Assert.Equal(MemoryPlan.OfTraining(config, real), plan);
            Assert.Equal(plan.Total, plan.Weights + plan.Gradients + plan.Moments + plan.Average + plan.Activations + plan.Scratch + plan.Inputs + plan.Grid);
            Assert.True(plan.Activations > 0 && plan.Moments == 2 * plan.Gradients);
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void A_plan_of_sampling_is_what_it_takes(TestDevice kind, bool checkpointBlocks, bool learnsVariance)
    {
        RunConfig config = Config(checkpointBlocks, learnsVariance);
        (Device real, Device planned) = Open(kind);
        using (real)
        using (planned)
        {
            Assert.Equal(MemoryPlan.OfSampling(config, 3, real), MemoryPlan.OfSampling(config, 3, planned));
        }
    }

    // The plan does what a trainer does: a run of some steps takes no more, and no less.
    [Fact]
    public async Task A_run_takes_what_was_planned()
    {
        using TemporaryFolder folder = new();
        RunConfig config = Config(checkpointBlocks: false, learnsVariance: true);
        (Device real, Device planned) = Open(TestDevice.Cpu16);
        using (real)
        using (planned)
        {
            using Trainer trainer = Trainer.Open(RunFolder.Create(folder.File("run"), config), new ShapesDataSet(), real);
            await trainer.RunAsync(new Silent(), TestContext.Current.CancellationToken);
            Assert.Equal(MemoryPlan.OfTraining(config, planned).Total, real.PeakBytes);
        }
    }

    // The driver's own account: what it has less of, apart from what it keeps for kernels and graphs, within 5 %.
    [Fact]
    public void The_driver_of_a_GPU_agrees()
    {
        Assert.SkipUnless(Devices.IsPresent(TestDevice.Cuda), "This machine has no CUDA device.");
        (Device real, Device planned) = Open(TestDevice.Cuda);
        using (real)
        using (planned)
        {
            RunConfig config = Config(checkpointBlocks: false, learnsVariance: true);
            _ = MemoryPlan.OfTraining(config, real);
            config = config with { Training = config.Training with { BatchSize = 8192 } };
            var cuda = (ILGPU.Runtime.Cuda.CudaAccelerator)real.Accelerator;
            using Learner learner = new(config, real);
            long free = cuda.GetFreeMemory(), held = real.HeldBytes;
            learner.Add(new(0, new float[8192 * config.Model.Sample.Length], new int[8192]), 0, 0, CancellationToken.None);
            real.Synchronize();
            long taken = free - cuda.GetFreeMemory();
            Assert.True(taken > 256 * Mebibyte, $"{taken / Mebibyte} MiB are too little to tell.");
            Assert.InRange(real.HeldBytes - held, 0.95 * taken, 1.05 * taken);
        }
    }

    [Fact]
    public void A_large_network_is_planned_without_its_memory()
    {
        using Device planned = Device.Plan(DeviceKind.Cuda, new() { MatrixPrecision = MatrixPrecision.BFloat16 });
        long before = GC.GetTotalAllocatedBytes();
        RunConfig config = new()
        {
            Data = "", Model = DimSizes.Apply("DiM-XL/2", new() { Sample = new(1, 32, 32, 4), Classes = 1000, LearnsVariance = true }),
            Training = new() { BatchSize = 64 },
        };
        MemoryPlan plan = MemoryPlan.OfTraining(config, planned);
        MemoryPlan checkpointed;
        using (Device again = Device.Plan(DeviceKind.Cuda, new() { MatrixPrecision = MatrixPrecision.BFloat16 }))
        {
            checkpointed = MemoryPlan.OfTraining(config with { Training = config.Training with { CheckpointBlocks = true } }, again);
        }

        // Float32, and bf16 beside it.
        Assert.InRange(plan.Weights, 6 * DimCost.Of(config.Model).Parameters, 6.01 * DimCost.Of(config.Model).Parameters);
        Assert.True(plan.Activations > 5 * checkpointed.Activations);
        Assert.Equal(plan.Weights, checkpointed.Weights);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, plan.Total / 20);
    }

    [Fact]
    public void A_plan_for_a_precision_that_the_device_lacks_is_refused() => Assert.Throws<ArgumentException>(
        () => Device.Plan(DeviceKind.OpenCl, new() { MatrixPrecision = MatrixPrecision.BFloat16 }));

    [Theory, MemberData(nameof(Kinds))]
    public void Asking_for_more_than_there_is_says_what_was_asked_held_and_free(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        using Arena arena = new(lease.Device);
        _ = arena.Rent(new(1, 1000));
        long held = lease.Device.HeldBytes;
        DeviceMemoryException e = Assert.Throws<DeviceMemoryException>(() => arena.Rent(new(1L << 26, 1 << 20)));
        Assert.Contains(" 268,435,456 MiB more", e.Message, StringComparison.Ordinal);
        Assert.Contains($"holds {held / Mebibyte:N0} MiB", e.Message, StringComparison.Ordinal);
        Assert.Matches(kind == TestDevice.OpenCl ? @"it has [\d,]+ MiB in all" : @"[\d,]+ MiB of [\d,]+ MiB are free", e.Message);
        Assert.Contains("smaller batch", e.Message, StringComparison.Ordinal);

        // Nothing is lost by it.
        Assert.Equal(held, lease.Device.HeldBytes);
        Tensor after = arena.Rent(new(1, 4), clear: true);
        Assert.Equal([0f, 0, 0, 0], after.ToArray());
    }

    public static TheoryData<TestDevice> Kinds => [.. Devices.Fast.Where(d => d is TestDevice.Cpu16 or TestDevice.OpenCl or TestDevice.Cuda)];

    private static (Device Real, Device Planned) Open(TestDevice kind)
    {
        DeviceOptions options = new()
        {
            Threads = 2,
            LaneWidth = kind == TestDevice.Cpu4 ? 4 : 0,
            MatrixPrecision = kind switch
            {
                TestDevice.CudaTf32 => MatrixPrecision.TensorFloat32,
                TestDevice.CudaBf16 => MatrixPrecision.BFloat16,
                _ => MatrixPrecision.Float32,
            },
        };
        (string id, DeviceKind planned) = kind switch
        {
            TestDevice.Cpu16 or TestDevice.Cpu4 => ("cpu", DeviceKind.Cpu),
            TestDevice.OpenCl => ("opencl", DeviceKind.OpenCl),
            _ => ("cuda", DeviceKind.Cuda),
        };
        return (Device.Open(id, options), Device.Plan(planned, options));
    }

    private static RunConfig Config(bool checkpointBlocks, bool learnsVariance) => new()
    {
        Data = "shapes",
        Classes = ShapesDataSet.ClassNames,
        Model = new() { Sample = new(1, 16, 16, 3), Patch = 4, Width = 16, Depth = 2, Classes = 9, LearnsVariance = learnsVariance },
        Diffusion = new() { Objective = learnsVariance ? ObjectiveKind.Epsilon : ObjectiveKind.Flow },
        Training = new() { Steps = 3, BatchSize = 8, CheckpointBlocks = checkpointBlocks },
    };

    private sealed class Silent : ITrainingObserver
    {
        public void OnStep(TrainingStep report)
        {
        }

        public void OnSamples(TrainingSamples samples)
        {
        }

        public void OnCheckpoint(long done, string path)
        {
        }
    }
}
