using System.Diagnostics;
using DimIlgpu.Kernels;
using DimIlgpu.Model;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;
using DimIlgpu.Model.Weights;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class TrainerTests
{
    public static TheoryData<TestDevice> OtherDevices => [.. Devices.Fast.Where(d => d != TestDevice.Cpu16)];

    public static TheoryData<ObjectiveKind, bool> Objectives => new()
    {
        { ObjectiveKind.Epsilon, true }, { ObjectiveKind.Epsilon, false }, { ObjectiveKind.Velocity, false },
        { ObjectiveKind.Sample, false }, { ObjectiveKind.Flow, false },
    };

    [Theory, MemberData(nameof(Objectives))]
    public async Task Every_objective_learns(ObjectiveKind objective, bool variance)
    {
        using TemporaryFolder folder = new();
        Recorder recorder = new();
        await Train(folder.File("run"), Config(60, objective, variance), TestDevice.Cpu16, recorder);
        double first = recorder.Losses.Take(5).Average(), last = recorder.Losses.TakeLast(5).Average();
        Assert.True(last < 0.95 * first, $"The loss went from {first:g4} to {last:g4}.");
        Assert.Single(recorder.Samples);
    }

    // The whole model trains elsewhere as on the widest CPU lanes.
    [Theory, MemberData(nameof(OtherDevices))]
    public async Task Losses_agree_between_devices(TestDevice kind)
    {
        using TemporaryFolder folder = new();
        Recorder expected = new(), actual = new();
        await Train(folder.File("a"), Config(8), TestDevice.Cpu16, expected);
        await Train(folder.File("b"), Config(8), kind, actual);
        Assert.Equal(8, actual.Losses.Count);
        Assert.All(expected.Losses.Zip(actual.Losses), p => Assert.Equal(p.First, p.Second, 1e-3));
    }

    public static TheoryData<TestDevice> MixedDevices => Devices.Mixed.Any() ? [.. Devices.Mixed] : [TestDevice.OpenClBf16];

    // Rounded to eight bits the losses wander, but they fall as true float32's do.
    [Theory, MemberData(nameof(MixedDevices))]
    public async Task Mixed_precision_learns_as_float32_does(TestDevice kind)
    {
        Assert.SkipUnless(Devices.IsPresent(kind), $"This machine has no {kind}.");
        using TemporaryFolder folder = new();
        Recorder expected = new(), actual = new();
        await Train(folder.File("a"), Config(60), TestDevice.Cpu16, expected);
        await Train(folder.File("b"), Config(60), kind, actual);
        Assert.Equal(60, actual.Losses.Count);
        Assert.All(expected.Losses.Zip(actual.Losses), p => Assert.Equal(p.First, p.Second, 0.05 * p.First));
        Assert.Equal(expected.Losses.TakeLast(20).Average(), actual.Losses.TakeLast(20).Average(), 0.01);
        Assert.NotEqual(expected.Losses, actual.Losses);
    }

    [Fact]
    public async Task Averaged_parts_of_a_batch_are_one_step()
    {
        using TemporaryFolder folder = new();
        RunConfig config = Config(4);
        config = config with { Training = config.Training with { BatchSize = 4, Accumulate = 3 } };
        Recorder recorder = new();
        await Train(folder.File("run"), config, TestDevice.Cpu16, recorder);
        Assert.Equal(4, recorder.Losses.Count);
    }

    [Fact]
    public async Task Cancelled_training_saves_and_goes_on_to_the_same_bits()
    {
        using TemporaryFolder folder = new();
        RunConfig config = Config(12) with { };
        await Train(folder.File("whole"), config, TestDevice.Cpu16, new Recorder());

        using CancellationTokenSource cancel = new();
        Recorder recorder = new() { CancelAt = (5, cancel) };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Train(folder.File("parts"), config, TestDevice.Cpu16, recorder, cancel.Token));
        Assert.EndsWith("step-000000005.safetensors", RunFolder.Open(folder.File("parts")).LatestCheckpoint, StringComparison.Ordinal);
        await Train(folder.File("parts"), null, TestDevice.Cpu16, new Recorder());
        Assert.Equal(Weights(folder.File("whole")), Weights(folder.File("parts")));
        Assert.Equal(
            Enumerable.Range(1, 12).Select(i => (long)i), RunFolder.Open(folder.File("parts")).Metrics().Select(m => m.Step));
    }

    [Fact]
    public async Task A_loss_that_explodes_names_the_step_and_the_last_checkpoint()
    {
        using TemporaryFolder folder = new();
        RunConfig config = Config(50);
        config = config with { Training = config.Training with { LearningRate = 1e30, MaxGradientNorm = 0, CheckpointEvery = 1 } };
        NonFiniteLossException e = await Assert.ThrowsAsync<NonFiniteLossException>(
            () => Train(folder.File("run"), config, TestDevice.Cpu16, new Recorder()));
        Assert.Contains($"step {e.Step}", e.Message, StringComparison.Ordinal);
        Assert.NotNull(e.LastCheckpoint);
        Assert.All(Weights(folder.File("run")), w => Assert.True(float.IsFinite(w)));
    }

    // Cancelled by another thread while steps run, so mostly in the middle of one, which must leave nothing behind.
    [Fact]
    public async Task A_step_that_is_given_up_halfway_changes_nothing()
    {
        using TemporaryFolder folder = new();
        RunConfig config = Config(120);
        await Train(folder.File("whole"), config, TestDevice.Cpu16, new Recorder());

        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        using Trainer trainer = Trainer.Open(RunFolder.Create(folder.File("parts"), config), new ShapesDataSet(), lease.Device);
        int stops = 0;
        while (trainer.Step < 120)
        {
            using CancellationTokenSource source = new();
            Recorder recorder = new() { CancelAfter = (trainer.Step + 10, stops, source) };
            try
            {
                await trainer.RunAsync(recorder, source.Token);
            }
            catch (OperationCanceledException)
            {
                stops++;
            }
        }

        Assert.True(stops > 3, $"stopped {stops} times only");
        Assert.Equal(Weights(folder.File("whole")), Weights(folder.File("parts")));
    }

    [Fact]
    public async Task The_number_of_threads_changes_no_bit()
    {
        using TemporaryFolder folder = new();
        foreach (int threads in new[] { 1, 3 })
        {
            using Device device = Device.Open("cpu", new() { Threads = threads });
            using Trainer trainer = Trainer.Open(
                RunFolder.Create(folder.File($"{threads}"), Config(5)), new ShapesDataSet(), device);
            await trainer.RunAsync();
        }

        Assert.Equal(Weights(folder.File("1")), Weights(folder.File("3")));
    }

    [Fact]
    public async Task Only_the_newest_checkpoints_are_kept()
    {
        using TemporaryFolder folder = new();
        RunConfig config = Config(6);
        config = config with { Training = config.Training with { CheckpointEvery = 1, KeepCheckpoints = 2 } };
        await Train(folder.File("run"), config, TestDevice.Cpu16, new Recorder());
        Assert.Equal(2, Directory.GetFiles(folder.File("run/checkpoints")).Length);
    }

    [Fact]
    public async Task A_data_set_that_does_not_fit_is_refused()
    {
        using TemporaryFolder folder = new();
        RunConfig config = Config(2);
        config = config with { Model = config.Model with { Classes = 4 } };
        ArgumentException e = await Assert.ThrowsAsync<ArgumentException>(
            () => Train(folder.File("run"), config, TestDevice.Cpu16, new Recorder()));
        Assert.Contains("9 classes; the network expects 4", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_pipeline_generates_the_same_frames_each_time_and_stops_when_asked()
    {
        using TemporaryFolder folder = new();
        await Train(folder.File("run"), Config(3), TestDevice.Cpu16, new Recorder());
        await using DimPipeline pipeline = DimPipeline.Load(folder.File("run"), "cpu");
        GenerationOptions options = new() { Count = 5, Sampling = new() { Steps = 4, BatchSize = 2, Seed = 7 } };
        List<GenerationProgress> progress = [];
        IReadOnlyList<GeneratedSample> first = await pipeline.GenerateAsync(options, new Reporter(progress));
        Assert.Equal([0, 1, 2, 3, 4], first.Select(s => s.Index));
        Assert.All(first, s => Assert.Equal(16 * 16 * 3, s.Frames.Single().Pixels.Length));
        Assert.Equal(1, progress[^1].Fraction, 1e-9);
        Assert.Equal(5, progress[^1].Done);

        List<GeneratedSample> shown = [];
        await foreach (GeneratedSample sample in pipeline.GenerateEachAsync(options with { Sampling = options.Sampling with { ShowEvery = 1 } }))
        {
            shown.Add(sample);
        }

        Assert.Equal(first.Select(s => s.Frames[0].Pixels), shown.Where(s => s.IsFinal).Select(s => s.Frames[0].Pixels));
        Assert.True(shown.Count > 5);

        // Left early, and cancelled while queued: the next call is unharmed.
        await foreach (GeneratedSample _ in pipeline.GenerateEachAsync(options))
        {
            break;
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pipeline.GenerateAsync(options, null, new CancellationToken(true)));
        Assert.Equal(first[0].Frames[0].Pixels, (await pipeline.GenerateAsync(options))[0].Frames[0].Pixels);
        await Assert.ThrowsAsync<ArgumentException>(() => pipeline.GenerateAsync(new() { Labels = [99] }));
    }

    // Ten kills at random moments; what is left always resumes, and ends in the bits of a run left alone.
    [Fact, Trait("Category", "Slow")]
    public async Task A_run_killed_ten_times_ends_in_the_same_bits()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        Assert.SkipUnless(
            Array.Exists(folders, f => File.Exists(Path.Combine(f, OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"))),
            "There is no dotnet command here to start a run with.");
        using TemporaryFolder folder = new();
        RunConfig config = Config(1200);
        config = config with { Training = config.Training with { CheckpointEvery = 5, SampleEvery = 0 } };
        await Train(folder.File("whole"), config, TestDevice.Cpu16, new Recorder());
        _ = RunFolder.Create(folder.File("killed"), config);
        Random random = new(1);
        int kills = 0;
        while (kills < 10)
        {
            using Process process = Process.Start(new ProcessStartInfo(
                "dotnet", [typeof(global::DimIlgpu.Cli.Application).Assembly.Location, "train", "--resume", folder.File("killed"), "--threads", "2", "--device", "cpu", "--report", "0"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;

            // Some steps further on, whatever their speed, and then at no moment in particular.
            long reached = LastStep(folder.File("killed")) + random.Next(1, 60);
            while (LastStep(folder.File("killed")) < reached)
            {
                if (process.WaitForExit(5))
                {
                    Assert.Fail($"The run ended before it was killed: {await process.StandardError.ReadToEndAsync()}");
                }
            }

            _ = process.WaitForExit(random.Next(20));
            process.Kill();
            await process.WaitForExitAsync();
            kills++;
        }

        await Train(folder.File("killed"), null, TestDevice.Cpu16, new Recorder());
        Assert.Equal(Weights(folder.File("whole")), Weights(folder.File("killed")));
    }

    private static long LastStep(string run) => RunFolder.Open(run).Metrics() is [.., TrainingStep last] ? last.Step : 0;

    private static RunConfig Config(long steps, ObjectiveKind objective = ObjectiveKind.Flow, bool variance = false) => new()
    {
        Data = "shapes",
        Classes = ShapesDataSet.ClassNames,
        Model = new() { Sample = new(1, 16, 16, 3), Patch = 4, Width = 16, Depth = 1, Classes = 9, LearnsVariance = variance },
        Diffusion = new() { Objective = objective },
        Training = new() { Steps = steps, BatchSize = 8, LearningRate = 3e-3, Seed = 3, CheckpointEvery = 1000, SampleEvery = 1000, EmaDecay = 0.9 },
    };

    private static async Task Train(
        string path, RunConfig? config, TestDevice kind, Recorder recorder, CancellationToken cancellation = default)
    {
        RunFolder folder = config is null ? RunFolder.Open(path) : RunFolder.Create(path, config);
        using DeviceLease lease = Devices.Open(kind);
        using Trainer trainer = Trainer.Open(folder, new ShapesDataSet(), lease.Device);
        await trainer.RunAsync(recorder, cancellation);
    }

    private static float[] Weights(string run)
    {
        using SafetensorsReader reader = new(RunFolder.Open(run).LatestCheckpoint!);
        return [.. reader.Tensors.Keys.Order(StringComparer.Ordinal).SelectMany(name => reader.ReadFloat32(name))];
    }

    private sealed class Reporter(List<GenerationProgress> reports) : IProgress<GenerationProgress>
    {
        public void Report(GenerationProgress value) => reports.Add(value);
    }

    private sealed class Recorder : ITrainingObserver
    {
        public List<double> Losses { get; } = [];

        public List<TrainingSamples> Samples { get; } = [];

        public (long Step, CancellationTokenSource Source)? CancelAt { get; init; }

        /// <summary>Some time into the step after this one.</summary>
        public (long Step, int Spins, CancellationTokenSource Source)? CancelAfter { get; init; }

        public void OnStep(TrainingStep report)
        {
            this.Losses.Add(report.Loss);
            if (report.Step == this.CancelAt?.Step)
            {
                this.CancelAt.Value.Source.Cancel();
            }

            if (this.CancelAfter is { } later && report.Step == later.Step)
            {
                _ = Task.Run(() =>
                {
                    Thread.SpinWait(2000 * later.Spins);
                    later.Source.Cancel();
                });
            }
        }

        public void OnSamples(TrainingSamples samples) => this.Samples.Add(samples);

        public void OnCheckpoint(long done, string path) => Assert.True(File.Exists(path));
    }
}
