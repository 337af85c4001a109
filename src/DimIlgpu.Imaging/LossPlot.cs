using System.Globalization;
using System.Security;
using System.Text;
using ScottPlot;
using ScottPlot.AxisPanels;
using ScottPlot.Plottables;
using ScottPlot.TickGenerators;

namespace DimIlgpu.Imaging;

/// <summary>Draws how the loss fell.</summary>
public static class LossPlot
{
    private const int Width = 960;
    private const int Height = 560;

    /// <summary>The PNG has this many pixels for each point of the SVG, so that it is sharp on any screen.</summary>
    private const int PngScale = 2;

    private const int Edge = 8;
    private const float DigitShift = 2;

    private static readonly Color Raw = Color.FromHex("#9DB8DC");
    private static readonly Color Smoothed = Color.FromHex("#1F4E9C");
    private static readonly Color HeldOut = Color.FromHex("#D1622B");
    private static readonly Color[] Others = [Color.FromHex("#D1622B"), Color.FromHex("#3B8A5A"), Color.FromHex("#8A4FA3"), Color.FromHex("#6B6F7A")];
    private static readonly Color Gradient = Color.FromHex("#8A9A7B");
    private static readonly Color Ink = Color.FromHex("#3A3C44");
    private static readonly Color Line = Color.FromHex("#E4E6EB");

    // ScottPlot keeps its fonts in static lists that nothing guards.
    private static readonly Lock Drawing = new();
    private static readonly Lazy<string?> Font = new(RegisterFont);

    /// <summary>Writes <paramref name="pathWithoutExtension"/>.png and .svg, each whole or not at all.</summary>
    /// <param name="pathWithoutExtension">The path, to which the endings are added.</param>
    /// <param name="points">The loss by step; values that are not finite are left out.</param>
    /// <param name="title">The headline.</param>
    /// <param name="options">What else is drawn; nothing when null.</param>
    /// <exception cref="ArgumentException">No value of <paramref name="points"/> is finite.</exception>
    /// <exception cref="IOException">A file could not be written; the message names it.</exception>
    public static void Write(
        string pathWithoutExtension,
        IReadOnlyList<(long Step, double Loss)> points,
        string title,
        LossPlotOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(pathWithoutExtension);
        ArgumentNullException.ThrowIfNull(points);
        ArgumentNullException.ThrowIfNull(title);
        byte[] png;
        string svg;
        lock (Drawing)
        {
            using Plot plot = Draw(points, title, options ?? new LossPlotOptions());
            svg = WithFallbackFont(plot.GetSvgXml(Width, Height));
            plot.ScaleFactor = PngScale;
            png = plot.GetImageBytes(Width * PngScale, Height * PngScale, ImageFormat.Png);
        }

        OutputFile.Write(pathWithoutExtension + ".png", stream => stream.Write(png));
        OutputFile.Write(pathWithoutExtension + ".svg", stream => stream.Write(Encoding.UTF8.GetBytes(svg)));
    }

    private static Plot Draw(IReadOnlyList<(long Step, double Loss)> points, string title, LossPlotOptions options)
    {
        Curve loss = Curve.From(points);
        if (loss.Values.Length == 0)
        {
            throw new ArgumentException($"None of the {points.Count} losses is finite; expected at least one that can be drawn.", nameof(points));
        }

        Curve smooth = loss.Smooth();
        Curve? heldOut = NullWhenEmpty(options.HeldOut);
        (string Name, Curve Curve)[] compared =
            [.. options.Compared.Select(c => (c.Name, Curve: NullWhenEmpty(c.Points))).Where(c => c.Curve is not null).Select(c => (c.Name, c.Curve!))];
        PlotScale scale = PlotScale.Fit(
            options.Logarithmic, [smooth, loss, .. compared.Select(c => c.Curve), .. heldOut is null ? Array.Empty<Curve>() : [heldOut]]);

        Plot plot = new();
        Curve? gradient = NullWhenEmpty(options.GradientNorm);
        if (gradient is not null)
        {
            AddGradient(plot, gradient);
        }

        Add(plot, loss.Thin(), scale, Raw, 1, compared.Length > 0 ? string.Empty : options.Name);
        for (int i = 0; i < compared.Length; i++)
        {
            Add(plot, compared[i].Curve.Thin(), scale, Others[i % Others.Length].WithAlpha(0.4), 1, string.Empty);
        }

        // All smooth lines lie over all rough ones.
        Add(plot, smooth.Thin(), scale, Smoothed, 2.5f, compared.Length > 0 ? options.Name : "smoothed");
        for (int i = 0; i < compared.Length; i++)
        {
            Add(plot, compared[i].Curve.Smooth().Thin(), scale, Others[i % Others.Length], 2.5f, compared[i].Name);
        }

        if (heldOut is not null)
        {
            Add(plot, heldOut.Thin(), scale, HeldOut, 2.5f, "held out");
        }

        scale.Apply(plot.Axes.Left);
        FitSteps(plot, [loss, .. compared.Select(c => c.Curve)]);
        plot.Title(title);
        plot.XLabel("training step (updates of the weights)");
        plot.YLabel(options.LossLabel + (scale.IsLogarithmic ? " (log scale)" : string.Empty));
        Dress(plot, gradient is not null);
        return plot;
    }

    private static void AddGradient(Plot plot, Curve gradient)
    {
        PlotScale scale = PlotScale.Fit(null, gradient);
        Add(plot, gradient.Thin(), scale, Gradient.WithAlpha(0.3), 1, string.Empty).Axes.YAxis = plot.Axes.Right;
        Add(plot, gradient.Smooth().Thin(), scale, Gradient, 2, "gradient norm (right)").Axes.YAxis = plot.Axes.Right;
        scale.Apply(plot.Axes.Right);
        plot.Axes.Right.Label.Text = "gradient norm (L2)" + (scale.IsLogarithmic ? " (log scale)" : string.Empty);
    }

    private static Scatter Add(Plot plot, Curve curve, PlotScale scale, Color color, float width, string name)
    {
        Curve placed = curve.Map(scale.Place);
        Scatter line = plot.Add.ScatterLine(placed.Steps, placed.Values, color);
        line.LineWidth = width;
        line.LegendText = name;

        // A line of few points hides how few they are, and one of a single point hides it altogether.
        line.MarkerSize = placed.Values.Length <= 40 ? 3 + width : 0;
        return line;
    }

    private static void FitSteps(Plot plot, Curve[] losses)
    {
        (double first, double last) = (losses.Min(c => c.Steps[0]), losses.Max(c => c.Steps[^1]));
        double margin = Math.Max((last - first) * 0.015, last > first ? 0 : 1);
        plot.Axes.SetLimitsX(first - margin, last + margin);
        plot.Axes.Bottom.TickGenerator = new NumericAutomatic
        {
            IntegerTicksOnly = true,
            TickDensity = 0.7,
            LabelFormatter = step => step.ToString("#,0", CultureInfo.InvariantCulture),
        };
    }

    private static void Dress(Plot plot, bool hasRightAxis)
    {
        plot.FigureBackground.Color = Colors.White;
        plot.DataBackground.Color = Colors.White;
        plot.Axes.Color(Ink);
        plot.Axes.FrameColor(Color.FromHex("#B9BDC7"));
        plot.Axes.Top.FrameLineStyle.Width = 0;
        plot.Axes.Right.FrameLineStyle.Width = hasRightAxis ? 1 : 0;
        plot.Grid.MajorLineColor = Line;
        plot.Axes.Title.Label.FontSize = 20;
        foreach (AxisBase axis in new IAxis[] { plot.Axes.Left, plot.Axes.Right, plot.Axes.Bottom }.OfType<AxisBase>())
        {
            axis.LabelFontSize = 15;
            axis.LabelBold = false;
            axis.TickLabelStyle.FontSize = 13;
            axis.PaddingOutsideAxisLabels = new PixelPadding(Edge);
        }

        // ScottPlot centres the line of text, descenders included; digits have none and would sit too high.
        plot.Axes.Left.TickLabelStyle.OffsetY = DigitShift;
        plot.Axes.Right.TickLabelStyle.OffsetY = DigitShift;
        plot.Axes.Right.MinimumSize = hasRightAxis ? 0 : 4 * Edge;

        plot.ShowLegend(Alignment.UpperRight);
        plot.Legend.FontSize = 13;
        plot.Legend.FontColor = Ink;
        plot.Legend.OutlineColor = Line;
        plot.Legend.ShadowColor = Colors.Transparent;
        if (Font.Value is string family)
        {
            plot.Font.Set(family);
        }
    }

    private static Curve? NullWhenEmpty(IReadOnlyList<(long Step, double Value)>? points)
    {
        Curve? curve = points is null ? null : Curve.From(points);
        return curve is { Values.Length: > 0 } ? curve : null;
    }

    private static string? RegisterFont()
    {
        if (InstalledFont.Current is not { } font)
        {
            return null;
        }

        if (font.RegularFile is string regular)
        {
            Fonts.AddFontFile(font.Family, regular, bold: false, italic: false);
            Fonts.AddFontFile(font.Family, font.BoldFile ?? regular, bold: true, italic: false);
        }

        return font.Family;
    }

    /// <summary>The viewer of an SVG may lack the font of the machine that drew it.</summary>
    private static string WithFallbackFont(string svg)
    {
        if (Font.Value is not string family)
        {
            return svg;
        }

        string named = SecurityElement.Escape(family);
        return svg.Replace($"font-family=\"{named}\"", $"font-family=\"{named}, sans-serif\"", StringComparison.Ordinal);
    }
}
