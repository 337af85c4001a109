using Spectre.Console;
using Spectre.Console.Rendering;

namespace DimIlgpu.Cli.Screens;

/// <summary>A column beside a progress bar whose text is asked for at every refresh.</summary>
internal sealed class TextColumn(Func<string> text) : ProgressColumn
{
    protected override bool NoWrap => true;

    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) => new Text(text());
}
