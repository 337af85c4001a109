using System.Text.Json;
using System.Text.Json.Serialization;
using DimIlgpu.Model.Data;
using DimIlgpu.Model.Diffusion;

namespace DimIlgpu.Model.Training;

/// <summary>Everything that a run was started with; stored in its folder and in each of its checkpoints.</summary>
public sealed record RunConfig
{
    /// <summary>The network.</summary>
    public required DimOptions Model { get; init; }

    /// <summary>The diffusion process.</summary>
    public DiffusionOptions Diffusion { get; init; } = new();

    /// <summary>How it is trained.</summary>
    public TrainingOptions Training { get; init; } = new();

    /// <summary>The name or path of the data set.</summary>
    public required string Data { get; init; }

    /// <summary>How the data set is read.</summary>
    public DataSetOptions DataOptions { get; init; } = new();

    /// <summary>The names of the classes.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>Whether samples are latents rather than pixels.</summary>
    public bool IsLatent { get; init; }

    internal static JsonSerializerOptions Json { get; } = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        IgnoreReadOnlyProperties = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>The configuration as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>Reads a configuration.</summary>
    /// <param name="json">What <see cref="ToJson"/> wrote.</param>
    /// <param name="source">The file it came from, for messages.</param>
    /// <exception cref="InvalidDataException">It is not a valid configuration; the message names the file and the fault.</exception>
    public static RunConfig FromJson(string json, string source)
    {
        try
        {
            RunConfig config = JsonSerializer.Deserialize<RunConfig>(json, Json) ?? throw new JsonException("It is empty.");
            _ = config.Model.Validated();
            return config;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or NotSupportedException)
        {
            throw new InvalidDataException($"{source} holds no valid configuration: {e.Message}", e);
        }
    }
}
