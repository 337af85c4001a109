using SkiaSharp;

namespace DimIlgpu.Imaging;

/// <summary>The sans-serif font of this machine that labels and plots are set in.</summary>
/// <remarks>
/// The Linux build of Skia that needs no other package knows no fontconfig and so finds no fonts by itself;
/// there the folders in which fonts are installed are read instead.
/// </remarks>
public sealed class InstalledFont
{
    private const int DeepestFolder = 6;

    private static readonly Lazy<InstalledFont?> Found = new(Find);

    /// <summary>By looks and by how many scripts each covers; file names, without ending.</summary>
    private static readonly string[] PreferredFiles =
    [
        "Inter-Regular", "NotoSans-Regular", "OpenSans-Regular", "Roboto-Regular",
        "DejaVuSans", "LiberationSans-Regular", "Arimo-Regular", "Ubuntu-R", "FreeSans",
    ];

    private static readonly string[] PreferredFamilies = ["Inter", "Segoe UI", "Helvetica Neue", "Arial", "Noto Sans", "DejaVu Sans"];

    private InstalledFont(string family, SKTypeface regular, string? regularFile, string? boldFile)
    {
        this.Family = family;
        this.Regular = regular;
        this.RegularFile = regularFile;
        this.BoldFile = boldFile;
    }

    /// <summary>Whether labels and plots can carry text on this machine.</summary>
    public static bool IsAvailable => Found.Value is not null;

    /// <summary>What to tell a user whose machine has no font.</summary>
    public static string Advice =>
        "No font was found, so pictures carry no text; on Debian and Ubuntu install the package fonts-dejavu-core.";

    /// <summary>The font, or null where none is installed.</summary>
    internal static InstalledFont? Current => Found.Value;

    /// <summary>The name of the family.</summary>
    internal string Family { get; }

    /// <summary>The upright face of normal weight; it lives as long as the process.</summary>
    internal SKTypeface Regular { get; }

    /// <summary>The file of <see cref="Regular"/> where the platform had to be searched.</summary>
    internal string? RegularFile { get; }

    /// <summary>The file of the bold face, if there is one.</summary>
    internal string? BoldFile { get; }

    private static InstalledFont? Find() => FindByPlatform() ?? FindByFolders();

    private static InstalledFont? FindByPlatform()
    {
        SKFontManager fonts = SKFontManager.Default;
        if (fonts.FontFamilyCount == 0)
        {
            return null;
        }

        string[] families = fonts.FontFamilies.ToArray();
        string? family = PreferredFamilies.FirstOrDefault(name => families.Contains(name, StringComparer.OrdinalIgnoreCase));
        SKTypeface? face = family is null ? SKTypeface.Default : fonts.MatchFamily(family);
        return face is not null && Writes(face) ? new InstalledFont(face.FamilyName, face, null, null) : null;
    }

    private static InstalledFont? FindByFolders()
    {
        Dictionary<string, string> files = FontFiles();
        IEnumerable<string> others = files.Keys.Order(StringComparer.Ordinal)
            .OrderByDescending(name => name.EndsWith("-Regular", StringComparison.OrdinalIgnoreCase));
        foreach (string name in PreferredFiles.Concat(others))
        {
            if (!files.TryGetValue(name, out string? file))
            {
                continue;
            }

            SKTypeface? face = SKTypeface.FromFile(file);
            if (face is not null && Writes(face))
            {
                return new InstalledFont(face.FamilyName, face, file, files.GetValueOrDefault(BoldName(name)));
            }

            face?.Dispose();
        }

        return null;
    }

    private static Dictionary<string, string> FontFiles()
    {
        Dictionary<string, string> files = new(StringComparer.OrdinalIgnoreCase);
        EnumerationOptions search = new()
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = DeepestFolder,
            IgnoreInaccessible = true,
        };
        foreach (string folder in FontFolders().Where(Directory.Exists))
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*", search))
            {
                if (Path.GetExtension(file).ToUpperInvariant() is ".TTF" or ".OTF")
                {
                    files.TryAdd(Path.GetFileNameWithoutExtension(file), file);
                }
            }
        }

        return files;
    }

    private static IEnumerable<string> FontFolders()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (home.Length > 0)
        {
            yield return Path.Combine(home, ".local", "share", "fonts");
            yield return Path.Combine(home, ".fonts");
        }

        yield return "/usr/local/share/fonts";
        yield return "/usr/share/fonts";
    }

    private static string BoldName(string name) => name switch
    {
        _ when name.EndsWith("-Regular", StringComparison.OrdinalIgnoreCase) => name[..^"Regular".Length] + "Bold",
        _ when name.EndsWith("-R", StringComparison.OrdinalIgnoreCase) => name[..^1] + "B",
        "FreeSans" => "FreeSansBold",
        _ => name + "-Bold",
    };

    /// <summary>Symbol fonts are fonts too; one that lacks the alphabet is of no use here.</summary>
    private static bool Writes(SKTypeface face)
    {
        using SKFont font = new(face);
        return font.ContainsGlyphs("Az09-.");
    }
}
