using System.Globalization;
using DimIlgpu.Autograd;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Model.Weights;

/// <summary>A checkpoint file: safetensors with the weights, their moving average, the optimiser's moments, and the step.</summary>
/// <remarks>
/// Tensors are named <c>model.NAME</c>, <c>ema.NAME</c>, <c>adam.m.NAME</c> and <c>adam.v.NAME</c>; the metadata holds
/// the configuration and the step. All randomness is a function of seed and step, so that is the random state.
/// </remarks>
public static class Checkpoint
{
    private const string Format = "dimilgpu-1";
    private const string Learned = "model.";
    private const string Averaged = "ema.";

    /// <summary>Writes a checkpoint, whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="config">What the run was started with.</param>
    /// <param name="step">Steps done.</param>
    /// <param name="parameters">What was learned.</param>
    /// <exception cref="IOException">It could not be written; an earlier file is unharmed.</exception>
    public static void Write(string path, RunConfig config, long step, ParameterStore parameters)
    {
        List<SafetensorsTensor> tensors = [];
        foreach ((string prefix, Func<Parameter, Kernels.Tensor?> part) in Parts)
        {
            foreach (Parameter parameter in parameters.Parameters.Where(p => part(p) is not null))
            {
                tensors.Add(SafetensorsTensor.Floats(
                    prefix + parameter.Name, [parameter.Shape.Rows, parameter.Shape.Columns], () => part(parameter)!.Value.ToArray()));
            }
        }

        SafetensorsWriter.Write(path, tensors, Metadata(config, step));
    }

    /// <summary>Writes a checkpoint of the weights alone, for inference: the moving average where there is one.</summary>
    /// <param name="path">The checkpoint.</param>
    /// <param name="target">The file to write, whole or not at all.</param>
    /// <param name="storage">How each value is stored; bfloat16 is enough to sample from.</param>
    /// <exception cref="InvalidDataException">The file is no checkpoint; the message names it and the fault.</exception>
    /// <exception cref="ArgumentException">Another storage type than F32, F16 or BF16.</exception>
    public static void Export(string path, string target, SafetensorsType storage = SafetensorsType.BF16)
    {
        using SafetensorsReader reader = new(path);
        (RunConfig config, long step) = Header(reader, path);
        string[] names = [.. reader.Tensors.Keys.Where(n => n.StartsWith(Learned, StringComparison.Ordinal)).Select(n => n[Learned.Length..])];
        if (names.Length == 0)
        {
            throw new InvalidDataException($"{path} holds no weights.");
        }

        string prefix = Array.TrueForAll(names, n => reader.Tensors.ContainsKey(Averaged + n)) ? Averaged : Learned;
        SafetensorsWriter.Write(
            target,
            [.. names.Select(n => SafetensorsTensor.Floats(
                Learned + n, reader.Tensors[prefix + n].Shape, () => reader.ReadFloat32(prefix + n), storage))],
            Metadata(config, step));
    }

    /// <summary>Reads what a checkpoint was trained with, and how far.</summary>
    /// <exception cref="InvalidDataException">The file is no checkpoint; the message names it and the fault.</exception>
    public static (RunConfig Config, long Step) ReadHeader(string path)
    {
        using SafetensorsReader reader = new(path);
        return Header(reader, path);
    }

    /// <summary>Reads the weights for inference: the moving average where there is one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="parameters">Receives them.</param>
    /// <param name="ema">False for the last weights instead of their moving average.</param>
    /// <exception cref="InvalidDataException">A tensor is missing or has another shape.</exception>
    public static void ReadWeights(string path, ParameterStore parameters, bool ema = true)
    {
        using SafetensorsReader reader = new(path);
        _ = Header(reader, path);
        string prefix = ema && parameters.Parameters.All(p => reader.Tensors.ContainsKey(Averaged + p.Name)) ? Averaged : Learned;
        Read(reader, parameters, prefix, p => p.Value);
        parameters.MarkUpdated();
    }

    /// <summary>Reads everything that training goes on from.</summary>
    /// <returns>Steps done.</returns>
    /// <exception cref="InvalidDataException">A tensor is missing or has another shape.</exception>
    public static long ReadAll(string path, ParameterStore parameters)
    {
        using SafetensorsReader reader = new(path);
        long step = Header(reader, path).Step;
        foreach ((string prefix, Func<Parameter, Kernels.Tensor?> part) in Parts)
        {
            Read(reader, parameters, prefix, part);
        }

        parameters.MarkUpdated();
        return step;
    }

    private static IEnumerable<(string Prefix, Func<Parameter, Kernels.Tensor?> Part)> Parts =>
    [
        (Learned, p => p.Value), (Averaged, p => p.Ema), ("adam.m.", p => p.Moment1), ("adam.v.", p => p.Moment2),
    ];

    private static void Read(SafetensorsReader reader, ParameterStore parameters, string prefix, Func<Parameter, Kernels.Tensor?> part)
    {
        foreach (Parameter parameter in parameters.Parameters)
        {
            if (part(parameter) is { } tensor)
            {
                tensor.Upload(reader.ReadFloat32(prefix + parameter.Name, [parameter.Shape.Rows, parameter.Shape.Columns]));
            }
        }
    }

    private static Dictionary<string, string> Metadata(RunConfig config, long step) => new()
    {
        ["format"] = Format,
        ["step"] = step.ToString(CultureInfo.InvariantCulture),
        ["config"] = config.ToJson(),
    };

    private static (RunConfig Config, long Step) Header(SafetensorsReader reader, string path)
    {
        if (!reader.Metadata.TryGetValue("format", out string? format) || format != Format ||
            !reader.Metadata.TryGetValue("config", out string? config) ||
            !reader.Metadata.TryGetValue("step", out string? text) ||
            !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long step))
        {
            throw new InvalidDataException($"{path} is a safetensors file but no checkpoint of this library ({Format}).");
        }

        return (RunConfig.FromJson(config, path), step);
    }
}
