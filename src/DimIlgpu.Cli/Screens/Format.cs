using System.Globalization;

namespace DimIlgpu.Cli.Screens;

/// <summary>Numbers as people read them.</summary>
internal static class Format
{
    /// <summary>1234567 as 1.23 M.</summary>
    public static string Count(double value) => value switch
    {
        >= 1e12 => Three(value / 1e12) + " T",
        >= 1e9 => Three(value / 1e9) + " G",
        >= 1e6 => Three(value / 1e6) + " M",
        >= 1e4 => Three(value / 1e3) + " k",
        _ => value.ToString("0.##", CultureInfo.InvariantCulture),
    };

    /// <summary>Bytes in binary units.</summary>
    public static string Bytes(double value) => value switch
    {
        >= 1L << 30 => Three(value / (1L << 30)) + " GiB",
        >= 1 << 20 => Three(value / (1 << 20)) + " MiB",
        >= 1 << 10 => Three(value / (1 << 10)) + " KiB",
        _ => Three(value) + " B",
    };

    /// <summary>1h 02m, 3m 04s or 5.6 s.</summary>
    public static string Time(TimeSpan time) =>
        time.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}h {time.Minutes:d2}m")
        : time.TotalMinutes >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}m {time.Seconds:d2}s")
        : time.TotalSeconds >= 10 ? string.Create(CultureInfo.InvariantCulture, $"{time.Seconds} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");

    /// <summary>A share as a percentage.</summary>
    public static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.0} %");

    /// <summary>Three significant digits or so.</summary>
    public static string Three(double value) => value.ToString(Math.Abs(value) switch
    {
        >= 100 => "0",
        >= 10 => "0.0",
        _ => "0.00",
    }, CultureInfo.InvariantCulture);

    /// <summary>A path as a person would type it here.</summary>
    public static string Path(string path)
    {
        string relative = System.IO.Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }
}
