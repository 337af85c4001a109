using System.Globalization;
using System.Text.RegularExpressions;

namespace DimIlgpu.Model;

/// <summary>The named sizes: <c>DiM-S/2</c> is 12 blocks of width 384 on patches of 2.</summary>
public static partial class DimSizes
{
    private static readonly Dictionary<string, (int Depth, int Width)> Sizes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["XL"] = (28, 1152),
        ["L"] = (24, 1024),
        ["B"] = (12, 768),
        ["S"] = (12, 384),
        ["Ti"] = (8, 192),
        ["Mi"] = (6, 128),
        ["Na"] = (4, 64),
    };

    /// <summary>Every size without its patch: four published ones, then tiny, mini and nano for CPUs.</summary>
    public static IReadOnlyCollection<string> Names => Sizes.Keys;

    /// <summary>Gives options the depth, width and patch of a named size.</summary>
    /// <param name="name">Such as <c>DiM-XL/2</c> or <c>S/4</c>.</param>
    /// <param name="options">Everything else.</param>
    /// <exception cref="ArgumentException">There is no such size; the message lists them.</exception>
    public static DimOptions Apply(string name, DimOptions options)
    {
        Match match = Pattern().Match(name);
        if (!match.Success || !Sizes.TryGetValue(match.Groups[1].Value, out (int Depth, int Width) size))
        {
            throw new ArgumentException(
                $"There is no size '{name}'; expected DiM-SIZE/PATCH with SIZE one of {string.Join(", ", Sizes.Keys)}, such as DiM-S/2.",
                nameof(name));
        }

        int patch = int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
        return options with { Depth = size.Depth, Width = size.Width, Patch = patch };
    }

    [GeneratedRegex(@"^(?:DiM-)?([A-Za-z]+)/([1-9][0-9]?)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
