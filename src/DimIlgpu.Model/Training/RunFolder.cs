using System.Globalization;
using System.Text;
using System.Text.Json;
using DimIlgpu.Model.Weights;

namespace DimIlgpu.Model.Training;

/// <summary>The folder of one run: config.json, metrics.jsonl, checkpoints/ and samples/.</summary>
public sealed class RunFolder
{
    private const string Extension = ".safetensors";

    private RunFolder(string path, RunConfig config) => (this.Path, this.Config) = (path, config);

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>What the run was started with.</summary>
    public RunConfig Config { get; }

    /// <summary>A line of JSON per reported step.</summary>
    public string MetricsPath => System.IO.Path.Combine(this.Path, "metrics.jsonl");

    /// <summary>Grids and clips drawn while it trained.</summary>
    public string SamplesPath => System.IO.Path.Combine(this.Path, "samples");

    /// <summary>The newest checkpoint; null where there is none.</summary>
    public string? LatestCheckpoint => this.Checkpoints().LastOrDefault();

    private string CheckpointsPath => System.IO.Path.Combine(this.Path, "checkpoints");

    /// <summary>Starts a run in a new or empty folder.</summary>
    /// <exception cref="IOException">The folder already holds a run.</exception>
    public static RunFolder Create(string path, RunConfig config)
    {
        string file = System.IO.Path.Combine(path, "config.json");
        if (File.Exists(file))
        {
            throw new IOException($"{path} already holds a run; resume it, or choose another folder.");
        }

        RunFolder folder = new(path, config);
        Directory.CreateDirectory(folder.CheckpointsPath);
        Directory.CreateDirectory(folder.SamplesPath);
        AtomicFile.Write(file, stream => stream.Write(Encoding.UTF8.GetBytes(config.ToJson())));
        return folder;
    }

    /// <summary>Opens the folder of an earlier run.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no run.</exception>
    /// <exception cref="InvalidDataException">Its configuration cannot be read.</exception>
    public static RunFolder Open(string path)
    {
        string file = System.IO.Path.Combine(path, "config.json");
        if (!File.Exists(file))
        {
            throw new DirectoryNotFoundException($"{path} holds no run: there is no config.json.");
        }

        RunFolder folder = new(path, RunConfig.FromJson(File.ReadAllText(file), file));
        Directory.CreateDirectory(folder.CheckpointsPath);
        Directory.CreateDirectory(folder.SamplesPath);
        return folder;
    }

    /// <summary>The file of a checkpoint after that many steps.</summary>
    public string CheckpointPath(long step) =>
        System.IO.Path.Combine(this.CheckpointsPath, string.Create(CultureInfo.InvariantCulture, $"step-{step:d9}{Extension}"));

    /// <summary>Removes all but the newest checkpoints.</summary>
    public void KeepNewest(int count)
    {
        foreach (string old in this.Checkpoints().SkipLast(count).ToArray())
        {
            File.Delete(old);
        }
    }

    /// <summary>Adds a line of metrics.</summary>
    public void Append(TrainingStep step) =>
        File.AppendAllText(this.MetricsPath, JsonSerializer.Serialize(step, MetricsJson) + "\n");

    /// <summary>The metrics so far; a line cut short by a crash is left out.</summary>
    public IReadOnlyList<TrainingStep> Metrics()
    {
        List<TrainingStep> steps = [];
        if (File.Exists(this.MetricsPath))
        {
            foreach (string line in File.ReadLines(this.MetricsPath))
            {
                try
                {
                    steps.Add(JsonSerializer.Deserialize<TrainingStep>(line, MetricsJson)!);
                }
                catch (JsonException)
                {
                    // The process died while it wrote this line.
                }
            }
        }

        return steps;
    }

    /// <summary>Forgets metrics after a step, because the run goes on from there.</summary>
    internal void TruncateMetrics(long step)
    {
        string kept = string.Concat(this.Metrics().Where(m => m.Step <= step).Select(m => JsonSerializer.Serialize(m, MetricsJson) + "\n"));
        AtomicFile.Write(this.MetricsPath, stream => stream.Write(Encoding.UTF8.GetBytes(kept)));
    }

    private static JsonSerializerOptions MetricsJson { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private IEnumerable<string> Checkpoints() => Directory.Exists(this.CheckpointsPath)
        ? Directory.EnumerateFiles(this.CheckpointsPath, "step-*" + Extension).Order(StringComparer.Ordinal)
        : [];
}
