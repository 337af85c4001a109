using DimIlgpu.Kernels;
using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>Training and sampling give the same bits whether a step is launched or replayed.</summary>
public sealed class GraphTests
{
    private const int Steps = 6;

    // A GPU compiles its kernels anew for each device that is opened: fewer cases, all kinds.
    public static TheoryData<TestDevice, ObjectiveKind, bool> Trainings => Devices.Present(
        (TestDevice.Cpu16, ObjectiveKind.Epsilon, false),
        (TestDevice.Cpu16, ObjectiveKind.Epsilon, true),
        (TestDevice.Cpu16, ObjectiveKind.Flow, false),
        (TestDevice.Cpu16, ObjectiveKind.Flow, true),
        (TestDevice.Cuda, ObjectiveKind.Epsilon, false),
        (TestDevice.CudaTf32, ObjectiveKind.Flow, false),
        (TestDevice.CudaBf16, ObjectiveKind.Epsilon, true));

    public static TheoryData<TestDevice, SamplerKind, bool> Samplings => Devices.Present(
        (TestDevice.Cpu16, SamplerKind.Ddpm, false),
        (TestDevice.Cpu16, SamplerKind.Ddpm, true),
        (TestDevice.Cpu16, SamplerKind.Ddim, false),
        (TestDevice.Cpu16, SamplerKind.Ddim, true),
        (TestDevice.Cpu16, SamplerKind.DpmSolver, false),
        (TestDevice.Cpu16, SamplerKind.DpmSolver, true),
        (TestDevice.Cuda, SamplerKind.Ddim, true),
        (TestDevice.CudaBf16, SamplerKind.DpmSolver, false));

    [Theory, MemberData(nameof(Trainings))]
    public async Task Replayed_steps_train_the_same_weights(TestDevice kind, ObjectiveKind objective, bool checkpointBlocks)
    {
        using TemporaryFolder folder = new();
        RunConfig config = Config(objective, checkpointBlocks);
        (float[] launched, _) = await Train(folder.File("launched"), config, Open(kind, graphs: false));
        (float[] replayed, Snapshot[] steps) = await Train(folder.File("replayed"), config, Open(kind, graphs: true));
        Assert.Equal(launched, replayed);

        // After the first step no memory is taken from the driver.
        Assert.All(steps, step => Assert.Equal(steps[0].Allocations, step.Allocations));
        if (kind == TestDevice.Cpu16)
        {
            // Each step has two parts and an update, which ran themselves once.
            Assert.Equal((2, (2 * Steps) - 1 + Steps - 1), (steps[^1].Recordings, steps[^1].Replays));
        }
    }

    [Theory, MemberData(nameof(Samplings))]
    public async Task Replayed_steps_draw_the_same_samples(TestDevice kind, SamplerKind sampler, bool partlyGuided)
    {
        using TemporaryFolder folder = new();
        RunConfig config = Config(ObjectiveKind.Velocity, checkpointBlocks: false);
        (float[] launched, _) = await Draw(Open(kind, graphs: false));
        (float[] replayed, FakeGraphs? fake) = await Draw(Open(kind, graphs: true));
        Assert.Equal(launched, replayed);
        Assert.True(launched.Distinct().Count() > 100);
        if (fake is not null)
        {
            // Two batches, each with a graph for guided steps and one for the others.
            Assert.Equal(partlyGuided ? 4 : 2, fake.Recordings);
            Assert.Equal(0, fake.Living);
        }

        async Task<(float[] Values, FakeGraphs? Fake)> Draw(Device opened)
        {
            using Device device = opened;
            FakeGraphs? graphs = device.GraphDriver as FakeGraphs;
            using DiffusionMamba network = new(config.Model, device);
            network.Initialize(5);

            // Blocks start as the identity, and the first output is zero.
            float[] values = new float[network.Parameters.Values.Shape.Length];
            network.Parameters.Values.Download(values);
            network.Parameters.Values.Upload([.. values.Zip(Data.Random(3, values.Length), (v, r) => v + (0.02f * (float)r))]);
            network.Parameters.MarkUpdated();
            SampleDrawer drawer = new(network, config);
            SamplingOptions options = new()
            {
                Sampler = sampler, Steps = 8, BatchSize = 2, Seed = 4,
                Guidance = new() { Scale = 2, From = partlyGuided ? 1 : 0 },
            };
            await Task.Yield();
            return ([.. drawer.Draw([1, 2, 3], options, default).Where(b => b.IsFinal).SelectMany(b => b.Values.ToArray())], graphs);
        }
    }

    private static Device Open(TestDevice kind, bool graphs)
    {
        if (kind == TestDevice.Cpu16)
        {
            Device device = Device.Open("cpu", new() { Threads = 2 });
            _ = graphs ? new FakeGraphs(device) : null;
            return device;
        }

        return Device.Open("cuda", new()
        {
            Graphs = graphs,
            MatrixPrecision = kind switch
            {
                TestDevice.CudaTf32 => MatrixPrecision.TensorFloat32,
                TestDevice.CudaBf16 => MatrixPrecision.BFloat16,
                _ => MatrixPrecision.Float32,
            },
        });
    }

    private static RunConfig Config(ObjectiveKind objective, bool checkpointBlocks) => new()
    {
        Data = "shapes",
        Classes = ShapesDataSet.ClassNames,
        Model = new()
        {
            Sample = new(1, 16, 16, 3), Patch = 4, Width = 16, Depth = 2, Classes = 9, LearnsVariance = objective == ObjectiveKind.Epsilon,
        },
        Diffusion = new() { Objective = objective },
        Training = new()
        {
            Steps = Steps, BatchSize = 4, Accumulate = 2, LearningRate = 3e-3, Seed = 3, CheckpointBlocks = checkpointBlocks,
            CheckpointEvery = 1000, SampleEvery = 0, EmaDecay = 0.9,
        },
    };

    private static async Task<(float[] Weights, Snapshot[] Steps)> Train(string path, RunConfig config, Device opened)
    {
        using Device device = opened;
        FakeGraphs? fake = device.GraphDriver as FakeGraphs;
        List<Snapshot> steps = [];
        using Trainer trainer = Trainer.Open(RunFolder.Create(path, config), new ShapesDataSet(), device);
        await trainer.RunAsync(new Observer(
            () => steps.Add(new(device.Memory.Allocations, fake?.Recordings ?? 0, fake?.Replays ?? 0))));
        float[] values = new float[trainer.Network.Parameters.Values.Shape.Length];
        trainer.Network.Parameters.Values.Download(values);
        return (values, [.. steps]);
    }

    private sealed record Snapshot(long Allocations, int Recordings, int Replays);

    private sealed class Observer(Action step) : ITrainingObserver
    {
        public void OnStep(TrainingStep report) => step();

        public void OnSamples(TrainingSamples samples)
        {
        }

        public void OnCheckpoint(long done, string path)
        {
        }
    }
}
