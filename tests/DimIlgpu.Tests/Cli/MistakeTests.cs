using DimIlgpu.Model.Training;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class MistakeTests
{
    [Theory]
    [InlineData("train --size DiM-Huge/2", "DiM-Huge/2", "XL, L, B, S, Ti, Mi, Na")]
    [InlineData("train --size DiM-S/7", "16", "7")]
    [InlineData("train --device quantum", "quantum", "cpu (CPU accelerator")]
    [InlineData("train --steps many", "--steps is 'many'", "whole number")]
    [InlineData("train --lr -1", "--lr is '-1'", "at least 0")]
    [InlineData("train --objective guess", "guess", "epsilon, velocity, sample or flow")]
    [InlineData("train --schedule cosine", "--schedule", "flow matching")]
    [InlineData("train --flip --no-flip", "--flip", "--no-flip")]
    [InlineData("train --resolution 15", "15", "16 to 32")]
    [InlineData("train --states 5", "5", "multiple of 4")]
    [InlineData("train --frobnicate", "--frobnicate", "dim train --help")]
    [InlineData("train --resume somewhere --steps 5", "--resume", "--steps")]
    [InlineData("info --size DiM-Huge/2", "DiM-Huge/2", "such as DiM-S/2")]
    [InlineData("info somewhere --size DiM-S/2", "--size", "not both")]
    [InlineData("paint", "paint", "dim --help")]
    public async Task A_wrong_command_line_is_told_in_one_line(string line, string names, string expects)
    {
        using TemporaryFolder folder = new();
        string[] words = line.Split(' ');
        bool starts = words[0] == "train" && !words.Contains("--resume");
        CliResult result = await Cli.RunAsync(starts ? [.. words, "--out", folder.File("run")] : words);

        string mistake = result.Mistake(code: 2);
        Assert.Contains(names, mistake, StringComparison.Ordinal);
        Assert.Contains(expects, mistake, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("run")), "A run that could not start left a folder behind.");
    }

    [Fact]
    public async Task A_missing_or_empty_data_folder_is_named()
    {
        using TemporaryFolder folder = new();
        CliResult missing = await Cli.TrainAsync(folder.File("run"), 1, "--data", folder.File("nowhere"));
        Assert.Contains("nowhere", missing.Mistake(code: 1), StringComparison.Ordinal);

        string empty = Directory.CreateDirectory(folder.File("empty")).FullName;
        CliResult nothing = await Cli.TrainAsync(folder.File("run"), 1, "--data", empty);
        Assert.Contains(empty, nothing.Mistake(code: 1), StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("run")));
    }

    [Fact]
    public async Task A_folder_without_a_run_is_named()
    {
        using TemporaryFolder folder = new();
        foreach (string[] command in (string[][])[["sample", "--checkpoint"], ["info"], ["train", "--resume"]])
        {
            Assert.Contains("config.json", (await Cli.RunAsync([.. command, folder.Path])).Mistake(code: 1), StringComparison.Ordinal);
        }

        string mistake = (await Cli.RunAsync(["sample", "--checkpoint", folder.File("gone")])).Mistake(code: 1);
        Assert.Contains("gone", mistake, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_wrong_with_a_run_or_a_request_is_told_and_harms_nothing()
    {
        using TemporaryFolder folder = new();
        string run = folder.File("run");
        Assert.Equal(0, (await Cli.TrainAsync(run, 2)).Code);
        string[] before = Cli.Listing(run);
        string drawn = folder.File("drawn");

        string again = (await Cli.TrainAsync(run, 2)).Mistake(code: 1);
        Assert.Contains("already holds a run", again, StringComparison.Ordinal);

        string unknown = (await Cli.RunAsync(["sample", "--checkpoint", run, "--class", "purple cow", "--out", drawn])).Mistake(code: 2);
        Assert.Contains("purple cow", unknown, StringComparison.Ordinal);
        Assert.Contains("red circle", unknown, StringComparison.Ordinal);

        string sampler = (await Cli.RunAsync(["sample", "--checkpoint", run, "--sampler", "ddim", "--out", drawn])).Mistake(code: 2);
        Assert.Contains("flow matching", sampler, StringComparison.Ordinal);

        string eta = (await Cli.RunAsync(["sample", "--checkpoint", run, "--eta", "0.5", "--out", drawn])).Mistake(code: 2);
        Assert.Contains("--sampler ddim", eta, StringComparison.Ordinal);

        string device = (await Cli.RunAsync(["sample", "--checkpoint", run, "--device", "cuda:99", "--out", drawn])).Mistake(code: 2);
        Assert.Contains("cuda:99", device, StringComparison.Ordinal);

        string checkpoint = RunFolder.Open(run).LatestCheckpoint!;
        string cut = folder.Write("cut.safetensors", [.. File.ReadAllBytes(checkpoint).SkipLast(1000)]);
        foreach (string[] command in (string[][])[["sample", "--out", drawn, "--checkpoint"], ["info"]])
        {
            Assert.Contains("cut.safetensors", (await Cli.RunAsync([.. command, cut])).Mistake(code: 1), StringComparison.Ordinal);
        }

        Assert.Equal(before, Cli.Listing(run));
    }

    [Fact]
    public async Task A_loss_that_explodes_names_the_step_and_the_last_good_checkpoint()
    {
        using TemporaryFolder folder = new();
        string run = folder.File("run");
        CliResult result = await Cli.TrainAsync(run, 200, "--lr", "1e30", "--checkpoint-every", "1", "--sample-every", "0");

        string mistake = result.Mistake(code: 1);
        Assert.Contains("non-finite at step", mistake, StringComparison.Ordinal);
        string? last = RunFolder.Open(run).LatestCheckpoint;
        Assert.NotNull(last);
        Assert.Contains(last, mistake, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelling_saves_and_says_how_to_go_on()
    {
        using TemporaryFolder folder = new();
        string run = folder.File("run");
        using CancellationTokenSource cancellation = new();
        Task<CliResult> training = Cli.RunUntilAsync(
            ["train", "--out", run, "--steps", "100000", "--sample-every", "0", .. Cli.Nano], cancellation.Token);
        while (!File.Exists(Path.Combine(run, "metrics.jsonl")) || new FileInfo(Path.Combine(run, "metrics.jsonl")).Length == 0)
        {
            Assert.False(training.IsCompleted, "Training ended before it was cancelled.");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        await cancellation.CancelAsync();
        CliResult result = await training;
        Assert.Equal(130, result.Code);
        Assert.Empty(result.Error);
        Assert.Contains($"dim train --resume {run}", result.Output, StringComparison.Ordinal);
        Assert.NotNull(RunFolder.Open(run).LatestCheckpoint);
    }
}
