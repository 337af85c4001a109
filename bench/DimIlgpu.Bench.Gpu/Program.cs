using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using DimIlgpu.Bench;
using DimIlgpu.Kernels;

// Measures and checks the kernels where there is no .NET: no image codec, no command-line library, one file.
const string Usage = """
    dim-bench [WHAT ...] [--device ID] [--precision fp32|tf32|bf16] [--filter TEXT] [--only NAMES] [--without NAMES] [--batch N] [--tokens N]
      [--json FILE]

    WHAT, in this order; bench unless given:
      check     the kernels that matter against double precision
      bench     operators and small networks beside their bounds, as `dim bench` does
      profile   where a training step of DiM-XL/2 spends its time, kernel by kernel; at --batch 64 and --tokens 256
      models    DiM-XL/2 from 256 to 16,384 tokens: time and memory
      kernels   registers and local bytes of every CUDA kernel that ran above

    TEXT is part of a case's name, or of a point of models such as train.b8.l4096. NAMES are operators, such as
    Linear,SelectiveScan,Model, whose inputs are (not) made at all.
    """;
Dictionary<string, string> options = new() { ["--device"] = "cuda", ["--precision"] = "fp32", ["--batch"] = "64", ["--tokens"] = "256" };
HashSet<string> what = [];
for (int i = 0; i < args.Length; i++)
{
    if (args[i] is "check" or "bench" or "profile" or "models" or "kernels")
    {
        what.Add(args[i]);
    }
    else if (args[i] is "--device" or "--precision" or "--filter" or "--only" or "--without" or "--batch" or "--tokens" or "--json" && i + 1 < args.Length)
    {
        options[args[i]] = args[++i];
    }
    else
    {
        Console.Error.WriteLine(args[i] is "-h" or "--help" ? Usage : $"dim-bench: '{args[i]}' is not understood.\n{Usage}");
        return args[i] is "-h" or "--help" ? 0 : 2;
    }
}

if (what.Count == 0)
{
    what.Add("bench");
}

MatrixPrecision precision = options["--precision"] switch
{
    "fp32" => MatrixPrecision.Float32,
    "tf32" => MatrixPrecision.TensorFloat32,
    "bf16" => MatrixPrecision.BFloat16,
    string other => throw new ArgumentException($"There is no precision '{other}'; expected fp32, tf32 or bf16."),
};
string? filter = options.GetValueOrDefault("--filter");
string[]? only = options.GetValueOrDefault("--only")?.Split(',');
string[] without = options.GetValueOrDefault("--without")?.Split(',') ?? [];
Report report = new();
try
{
    Measure();
}
catch (Exception e)
{
    // What was measured before is worth keeping, and the caller goes on with its other parts.
    report.Error = e.ToString();
    Console.Error.WriteLine($"dim-bench: {e}");
}

Save();
return report.Error is null && report.Checks.TrueForAll(c => c.IsGood) ? 0 : 1;

// After each line: a run that is stopped keeps what it has.
void Save()
{
    if (options.GetValueOrDefault("--json") is { } file)
    {
        File.WriteAllText(file, JsonSerializer.Serialize(report, Json.Options));
    }
}

Device Open(bool graphs = true) => Device.Open(options["--device"], new() { MatrixPrecision = precision, Graphs = graphs });

int Whole(string option) => int.TryParse(options[option], NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0
    ? value
    : throw new ArgumentException($"{option} is '{options[option]}'; expected a whole number of at least 1.");

void Measure()
{
    using (Device device = Open())
    {
        report.Device = device.Name;
        report.Precision = options["--precision"];
        Line($"{device.Name}");
        if (what.Contains("check"))
        {
            foreach (CheckedResult one in KernelCheck.Run(device))
            {
                report.Checks.Add(one);
                Line($"{(one.IsGood ? "ok   " : "WRONG")} {one.Name,-34} error {one.Error:0.0e+00}, at most {one.Limit:0e+00}");
            }
        }

        if (what.Contains("bench"))
        {
            foreach (Measurement one in BenchmarkSuite.Run(
                device, filter, null, CancellationToken.None, name => (only?.Contains(name) ?? true) && !without.Contains(name)))
            {
                report.Add(one);
                Save();
                string share = one.Share is { } s ? string.Create(CultureInfo.InvariantCulture, $"{s,7:P0} of {(one.Limit is { } limit ? $"{limit:0.0}" : "bound")}") : "";
                Line($"{one.Name,-36} {one.Shape,-26} {one.Milliseconds,10:0.0000} ms {one.Rate,12:0.0} {one.Unit,-10}{share}");
            }
        }

        if (what.Contains("kernels"))
        {
            foreach (KernelLine one in KernelListing.Of(device))
            {
                report.Kernels.Add(one);
                Line($"{one.Registers,4} registers {one.LocalBytes,5} local bytes {one.SharedBytes,6} shared bytes  {one.Name}");
            }
        }
    }

    if (what.Contains("profile"))
    {
        using Device device = Open(graphs: false);
        foreach (KernelShare one in ModelSweep.Profile(device, Whole("--batch"), Whole("--tokens")))
        {
            report.Profile.Add(one);
            Line($"{one.Milliseconds,9:0.000} ms {one.Share,6:P1} {one.Launches,5} x {one.Kernel}");
        }
    }

    if (what.Contains("models"))
    {
        foreach (ModelPoint one in ModelSweep.Run(() => Open(), filter))
        {
            report.Models.Add(one);
            Save();
            string time = one.Milliseconds is { } ms ? string.Create(CultureInfo.InvariantCulture, $"{ms,9:0.0} ms {one.Bytes / 1e9,7:0.0} GB") : one.Error!;
            Line($"{one.Model} {one.Pass,-6} batch {one.Batch,2} tokens {one.Tokens,5} {time}");
        }
    }
}

static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

/// <summary>What is written to the file; the first part is what <c>dim bench --json</c> writes.</summary>
internal sealed class Report
{
    public string? Device { get; set; }

    public string? Precision { get; set; }

    [JsonPropertyName("memory_gbps")]
    public double? Memory { get; set; }

    [JsonPropertyName("read_gbps")]
    public double? Read { get; set; }

    [JsonPropertyName("launch_us")]
    public double? Launch { get; set; }

    public List<Measurement> Cases { get; } = [];

    public List<CheckedResult> Checks { get; } = [];

    public List<KernelLine> Kernels { get; } = [];

    public List<KernelShare> Profile { get; } = [];

    public List<ModelPoint> Models { get; } = [];

    public string? Error { get; set; }

    public void Add(Measurement one)
    {
        switch (one.Name)
        {
            case "memory_gbps":
                this.Memory = one.Rate;
                break;
            case "read_gbps":
                this.Read = one.Rate;
                break;
            case "launch_us":
                this.Launch = one.Rate;
                break;
            default:
                this.Cases.Add(one);
                break;
        }
    }
}

internal static class Json
{
    public static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };
}
