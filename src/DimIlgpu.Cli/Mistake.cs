using System.Reflection;
using System.Text.Json;
using DimIlgpu.Kernels;
using DimIlgpu.Model.Training;

namespace DimIlgpu.Cli;

/// <summary>Turns an exception into an exit code and one line for people.</summary>
internal static class Mistake
{
    public static int ExitCodeOf(Exception fault) => Innermost(fault) switch
    {
        OperationCanceledException => ExitCode.Cancelled,
        UsageException or ArgumentException => ExitCode.Usage,
        _ => ExitCode.Failure,
    };

    public static string Sentence(Exception fault)
    {
        Exception cause = Innermost(fault);
        string text = cause switch
        {
            ArgumentOutOfRangeException { ParamName: { } name, ActualValue: { } value } => $"{name} is {value}, which it cannot be: {FirstLine(cause)}",
            UsageException or ArgumentException or IOException or InvalidDataException or UnauthorizedAccessException
                or NonFiniteLossException or DeviceMemoryException or InvalidOperationException => FirstLine(cause),
            OutOfMemoryException => "There is not enough memory; choose a smaller batch or network.",
            JsonException => $"A file is no valid JSON: {FirstLine(cause)}",
            _ => $"Something failed that should not have ({cause.GetType().Name}: {FirstLine(cause)}); --debug shows where.",
        };
        text = text.Trim();
        return text.EndsWith('.') ? text : text + ".";
    }

    private static Exception Innermost(Exception fault)
    {
        while (fault is AggregateException or TargetInvocationException or TypeInitializationException && fault.InnerException is { } inner)
        {
            fault = inner;
        }

        return fault;
    }

    /// <summary>The message without what .NET appends to it for programmers.</summary>
    private static string FirstLine(Exception fault)
    {
        string line = fault.Message.ReplaceLineEndings("\n").Split('\n')[0];
        int parameter = fault is ArgumentException ? line.LastIndexOf(" (Parameter '", StringComparison.Ordinal) : -1;
        return parameter < 0 ? line : line[..parameter];
    }
}
