// dotnet run --project samples/Generate -- <run folder or checkpoint>
using DimIlgpu.Imaging;
using DimIlgpu.Model;

using CancellationTokenSource stop = new();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    stop.Cancel();
};

await using DimPipeline pipeline = DimPipeline.Load(args[0]);
Progress<GenerationProgress> progress = new(p => Console.WriteLine($"{p.Fraction:P0}"));

// All together ...
GenerationOptions options = new() { Count = 4, Sampling = new() { Seed = 1 } };
IReadOnlyList<GeneratedSample> samples = await pipeline.GenerateAsync(options, progress, stop.Token);
Console.WriteLine(string.Join(", ", samples.Select(s => s.ClassName)));

// ... or each as it is done. A clip has several frames; see SampleWriter for files that play.
await foreach (GeneratedSample sample in pipeline.GenerateEachAsync(options, progress, stop.Token))
{
    await using FileStream file = File.Create($"{sample.Index:d3}-{sample.ClassName}.png");
    SkiaImageCodec.EncodePng(sample.Frames[0], file);
}
