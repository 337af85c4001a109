using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using DimIlgpu.Cli.Screens;

namespace DimIlgpu.Cli;

/// <summary>Where a command writes.</summary>
internal sealed class Terminal(TextWriter output, TextWriter error)
{
    private static readonly JsonSerializerOptions OneLine = JsonOptions(indented: false);
    private static readonly JsonSerializerOptions Indented = JsonOptions(indented: true);

    /// <summary>What people read. Where a script reads the output, it shows on the other stream, if that is a terminal.</summary>
    public Screen Screen(bool json)
    {
        bool outputIsTerminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
        bool errorIsTerminal = ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected;
        return json
            ? new(errorIsTerminal ? error : TextWriter.Null, errorIsTerminal)
            : new(output, outputIsTerminal);
    }

    /// <summary>Writes one line of JSON to the output.</summary>
    public void WriteJson<T>(T value) => output.WriteLine(JsonSerializer.Serialize(value, OneLine));

    /// <summary>JSON for a file.</summary>
    public static byte[] JsonFile<T>(T value) => Encoding.UTF8.GetBytes(JsonSerializer.Serialize(value, Indented) + "\n");

    private static JsonSerializerOptions JsonOptions(bool indented) => new()
    {
        WriteIndented = indented,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };
}
