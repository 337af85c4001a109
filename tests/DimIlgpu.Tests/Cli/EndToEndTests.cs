using System.Text.Json;
using DimIlgpu.Cli;
using DimIlgpu.Model.Training;
using DimIlgpu.Model.Weights;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class EndToEndTests
{
    [Fact]
    public async Task Train_then_sample_then_info_works_and_writes_its_files()
    {
        using TemporaryFolder folder = new();
        string run = folder.File("run"), drawn = folder.File("drawn");

        CliResult train = await Cli.TrainAsync(run, 3, report: 18, "--json");
        Assert.Equal((0, ""), (train.Code, train.Error));
        JsonElement report = JsonDocument.Parse(train.Output).RootElement;
        Assert.Equal(3, report.GetProperty("steps").GetInt64());
        Assert.Equal(18, report.GetProperty("shapes").GetProperty("samples").GetInt32());
        Assert.InRange(report.GetProperty("shapes").GetProperty("heldOutOfTheirClassPercent").GetDouble(), 99, 100);
        foreach (string file in (string[])["config.json", "metrics.jsonl", "report.json", "loss.png", "loss.svg", "samples/final.png", "samples/step-000003.png"])
        {
            Assert.True(File.Exists(Path.Combine(run, file)), $"{file} is missing.");
        }

        CliResult sample = await Cli.RunAsync(
            ["sample", "--checkpoint", run, "--class", "red-circle", "8", "--count", "4", "--steps", "4", "--show-steps", "--out", drawn, "--json"]);
        Assert.Equal((0, ""), (sample.Code, sample.Error));
        Assert.Equal(
            ["grid.png", "steps.png", "000-red-circle.png", "001-red-circle.png", "002-blue-triangle.png", "003-blue-triangle.png"],
            JsonDocument.Parse(sample.Output).RootElement.GetProperty("files").EnumerateArray().Select(f => Path.GetFileName(f.GetString())));
        Assert.Equal(6, Directory.GetFiles(drawn).Length);

        CliResult info = await Cli.RunAsync(["info", run, "--json"]);
        Assert.Equal((0, ""), (info.Code, info.Error));
        JsonElement facts = JsonDocument.Parse(info.Output).RootElement;
        Assert.Equal(3, facts.GetProperty("step").GetInt64());
        Assert.Equal(report.GetProperty("parameters").GetInt64(), facts.GetProperty("parameters").GetInt64());
        Assert.Contains("red circle", (await Cli.RunAsync(["info", run])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Moving_shapes_become_clips()
    {
        using TemporaryFolder folder = new();
        string run = folder.File("run"), drawn = folder.File("drawn");
        Assert.Equal(0, (await Cli.TrainAsync(run, 1, "--data", "moving-shapes")).Code);
        Assert.True(File.Exists(Path.Combine(run, "samples", "final.webp")));
        Assert.True(File.Exists(Path.Combine(run, "samples", "final.png")));

        Assert.Equal(0, (await Cli.RunAsync(["sample", "--checkpoint", run, "--count", "2", "--steps", "2", "--out", drawn])).Code);
        Assert.True(File.Exists(Path.Combine(drawn, "grid.webp")));
        Assert.True(File.Exists(Path.Combine(drawn, "contact-sheet.png")));
    }

    [Fact]
    public async Task A_resumed_run_continues_to_the_same_result()
    {
        using TemporaryFolder folder = new();
        string whole = folder.File("whole"), parts = folder.File("parts");
        Assert.Equal(0, (await Cli.TrainAsync(whole, 4)).Code);
        Assert.Equal(0, (await Cli.TrainAsync(parts, 4, "--checkpoint-every", "2", "--keep", "9")).Code);
        File.Delete(Path.Combine(parts, "checkpoints", "step-000000004.safetensors"));

        CliResult resumed = await Cli.RunAsync(["train", "--resume", parts, "--report", "0", "--device", "cpu", "--threads", "2"]);
        Assert.Equal((0, ""), (resumed.Code, resumed.Error));
        Assert.Contains("going on after step 2", resumed.Output, StringComparison.Ordinal);
        Assert.Equal(
            await File.ReadAllBytesAsync(Path.Combine(whole, "samples", "final.png"), TestContext.Current.CancellationToken),
            await File.ReadAllBytesAsync(Path.Combine(parts, "samples", "final.png"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Exported_weights_draw_what_the_run_draws_and_a_plot_compares_runs()
    {
        using TemporaryFolder folder = new();
        string run = folder.File("run"), weights = folder.File("weights.safetensors"), exact = folder.File("exact.safetensors");
        Assert.Equal(0, (await Cli.TrainAsync(run, 2)).Code);
        Assert.Equal((0, ""), Short(await Cli.RunAsync(["export", run, "--out", weights])));
        Assert.Equal((0, ""), Short(await Cli.RunAsync(["export", run, "--out", exact, "--storage", "fp32"])));

        // Weights, average and two moments of four bytes become weights of two.
        long whole = new FileInfo(RunFolder.Open(run).LatestCheckpoint!).Length;
        Assert.InRange(new FileInfo(weights).Length, whole / 10, whole / 7);

        // The averaged weights, to the bit or rounded; they are not the last ones.
        using (SafetensorsReader source = new(RunFolder.Open(run).LatestCheckpoint!), copy = new(exact), rounded = new(weights))
        {
            Assert.All(copy.Tensors.Keys, name =>
            {
                float[] averaged = source.ReadFloat32("ema." + name["model.".Length..]);
                Assert.Equal(averaged, copy.ReadFloat32(name));
                Assert.Equal(SafetensorsType.BF16, rounded.Tensors[name].Type);
                Assert.All(averaged.Zip(rounded.ReadFloat32(name)), p => Assert.InRange(p.Second - p.First, -MathF.Abs(p.First) / 256, MathF.Abs(p.First) / 256));
            });
            Assert.Contains(copy.Tensors.Keys, name => !copy.ReadFloat32(name).AsSpan().SequenceEqual(source.ReadFloat32(name)));
        }

        Assert.Equal(await Draw(run), await Draw(exact));
        _ = await Draw(weights);

        Assert.Equal((0, ""), Short(await Cli.RunAsync(["plot", run, run, "--out", folder.File("both.png")])));
        Assert.True(File.Exists(folder.File("both.png")) && File.Exists(folder.File("both.svg")));

        static (int Code, string Error) Short(CliResult result) => (result.Code, result.Error);

        async Task<byte[]> Draw(string checkpoint)
        {
            string picture = folder.File("drawn.png");
            Assert.Equal((0, ""), Short(await Cli.RunAsync(
                ["sample", "--checkpoint", checkpoint, "--count", "2", "--steps", "2", "--device", "cpu", "--threads", "2", "--out", picture])));
            return await File.ReadAllBytesAsync(picture);
        }
    }

    [Fact]
    public async Task Before_there_is_a_run_samples_come_from_the_network_that_is_shipped()
    {
        using TemporaryFolder folder = new();
        string shipped = RunCatalog.NewestOrShipped(folder.File("none"));
        Assert.Equal(RunCatalog.Shipped, shipped);
        Assert.InRange(new FileInfo(shipped).Length, 1, 8_000_000);
        CliResult sample = await Cli.RunAsync(
            ["sample", "--checkpoint", shipped, "--class", "ankle-boot", "--steps", "2", "--device", "cpu", "--out", folder.File("boot.png"), "--json"]);
        Assert.Equal((0, ""), (sample.Code, sample.Error));
        Assert.Equal("ankle boot", JsonDocument.Parse(sample.Output).RootElement.GetProperty("classes")[0].GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("train")]
    [InlineData("sample")]
    [InlineData("info")]
    [InlineData("export")]
    [InlineData("plot")]
    [InlineData("devices")]
    [InlineData("bench")]
    public async Task Every_command_explains_itself_with_examples(string command)
    {
        CliResult help = await Cli.RunAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        Assert.Equal((0, ""), (help.Code, help.Error));
        Assert.Contains("Examples:", help.Output, StringComparison.Ordinal);
        Assert.Contains($"dim {command}".Trim(), help.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Devices_and_named_sizes_are_told_as_json()
    {
        JsonElement devices = JsonDocument.Parse((await Cli.RunAsync(["devices", "--json"])).Output).RootElement;
        Assert.Contains(devices.GetProperty("devices").EnumerateArray(), d => d.GetProperty("id").GetString() == "cpu");

        CliResult info = await Cli.RunAsync(["info", "--size", "DiM-XL/2", "--batch", "8", "--json"]);
        JsonElement facts = JsonDocument.Parse(info.Output).RootElement;
        Assert.Equal((28, 1152, 256), (facts.GetProperty("depth").GetInt32(), facts.GetProperty("width").GetInt32(), facts.GetProperty("tokens").GetInt32()));
        Assert.True(facts.GetProperty("trainingBytes").GetInt64() > facts.GetProperty("samplingBytes").GetInt64());

        string[] memory = ["info", "--size", "DiM-XL/2", "--batch", "8", "--precision", "bf16", "--memory"];
        JsonElement plans = JsonDocument.Parse((await Cli.RunAsync([.. memory, "--json"])).Output).RootElement.GetProperty("memory");
        Assert.True(
            Activations("train") > 4 * Activations("trainCheckpointingBlocks") && Activations("trainCheckpointingBlocks") > Activations("sample"));
        Assert.Contains("moving average", (await Cli.RunAsync(memory)).Output, StringComparison.Ordinal);

        long Activations(string plan) => plans.GetProperty(plan).GetProperty("activations").GetInt64();
    }
}
