using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace DimIlgpu.Cli.Options;

/// <summary>Options whose mistakes are explained in our own words.</summary>
internal static class Typed
{
    /// <summary>A number within bounds; null where it is not given.</summary>
    public static Option<T?> Number<T>(string name, string description, T least, T? most = null)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            HelpName = IsWhole<T>() ? "N" : "X",
            CustomParser = result =>
            {
                string text = result.Tokens[^1].Value;
                if (T.TryParse(text, CultureInfo.InvariantCulture, out T value) && value >= least && !(value > most) && T.IsFinite(value))
                {
                    return value;
                }

                string kind = IsWhole<T>() ? "a whole number" : "a number";
                string bounds = most is { } top ? $"from {least} to {top}" : $"of at least {least}";
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} is '{text}'; expected {kind} {bounds}"));
                return null;
            },
        };

    /// <summary>One of some words; null where it is not given.</summary>
    public static Option<T?> Choice<T>(string name, string description, params (string Word, T Value)[] choices)
        where T : struct
    {
        string words = string.Join("|", choices.Select(c => c.Word));
        return new(name)
        {
            Description = description,
            HelpName = words,
            CustomParser = result =>
            {
                string text = result.Tokens[^1].Value;
                foreach ((string word, T value) in choices)
                {
                    if (word.Equals(text, StringComparison.OrdinalIgnoreCase))
                    {
                        return value;
                    }
                }

                result.AddError($"{name} is '{text}'; expected {string.Join(", ", choices.SkipLast(1).Select(c => c.Word))} or {choices[^1].Word}");
                return null;
            },
        };
    }

    /// <summary>A word or path; null where it is not given.</summary>
    public static Option<string?> Text(string name, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName };

    /// <summary>A switch.</summary>
    public static Option<bool> Switch(string name, string description) => new(name) { Description = description };

    /// <summary>Whether an option stands on the command line.</summary>
    public static bool IsGiven(this ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    private static bool IsWhole<T>()
        where T : struct, INumber<T> => T.IsInteger(T.One / (T.One + T.One));
}
