using Spectre.Console;
using Spectre.Console.Rendering;

namespace DimIlgpu.Cli.Screens;

/// <summary>Text for people: with colour and moving parts on a terminal, plain lines elsewhere.</summary>
internal sealed class Screen
{
    // A log is read in a wide window; no line of ours needs more.
    private const int PlainWidth = 160;

    public Screen(TextWriter writer, bool isLive)
    {
        this.IsLive = isLive;
        this.Console = AnsiConsole.Create(new()
        {
            Out = new AnsiConsoleOutput(writer),
            Interactive = isLive ? InteractionSupport.Yes : InteractionSupport.No,
            Ansi = isLive ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isLive ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        });
        if (!isLive)
        {
            this.Console.Profile.Width = PlainWidth;
        }
    }

    /// <summary>Whether somebody watches.</summary>
    public bool IsLive { get; }

    public IAnsiConsole Console { get; }

    /// <summary>Writes a line as it is.</summary>
    public void Line(string text = "") => this.Console.WriteLine(text);

    /// <summary>Writes a line with an emphasised beginning.</summary>
    public void Line(string head, string text) =>
        this.Console.MarkupLineInterpolated($"[bold]{head,-10}[/] {text}");

    /// <summary>Writes a table or another widget.</summary>
    public void Write(IRenderable widget) => this.Console.Write(widget);

    /// <summary>A table in the one style of this program.</summary>
    public static Table Table(params string[] columns)
    {
        Table table = new() { Border = TableBorder.Rounded, BorderStyle = new(Color.Grey) };
        foreach (string column in columns)
        {
            _ = table.AddColumn(new TableColumn(new Markup($"[bold]{Markup.Escape(column)}[/]")));
        }

        return table;
    }
}
