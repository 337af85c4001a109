// dotnet run --project samples/Train -- <new run folder>
using DimIlgpu.Kernels;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;
using DimIlgpu.Model.Training;

ShapesDataSet data = new();
RunConfig config = new()
{
    Data = data.Name,
    Classes = data.Classes,
    Model = new() { Sample = data.Shape, Patch = 4, Width = 128, Depth = 4, Classes = data.Classes.Count, LearnsVariance = false },
    Diffusion = new() { Objective = ObjectiveKind.Flow },
    Training = new() { Steps = 2000, BatchSize = 32, LearningRate = 1e-3, WarmupSteps = 100 },
};
RunFolder folder = RunFolder.Create(args[0], config);
using Device device = Device.Open("auto");
using Trainer trainer = Trainer.Open(folder, data, device);
await trainer.RunAsync(new ConsoleObserver());

internal sealed class ConsoleObserver : ITrainingObserver
{
    public void OnStep(TrainingStep report) => Console.WriteLine($"{report.Step}/{report.Steps}  loss {report.Loss:F4}");

    public void OnSamples(TrainingSamples samples) => Console.WriteLine($"{samples.Labels.Count} samples drawn");

    public void OnCheckpoint(long done, string path) => Console.WriteLine($"saved {path}");
}
