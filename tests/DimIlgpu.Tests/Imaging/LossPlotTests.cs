using System.Xml.Linq;
using DimIlgpu.Imaging;
using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class LossPlotTests
{
    [Fact]
    public void Both_files_exist_and_the_title_can_be_read()
    {
        using TemporaryFolder folder = new();
        (long, double)[] points = [.. Enumerable.Range(0, 5000).Select(i => ((long)i, 1.0 / (i + 1)))];
        LossPlot.Write(folder.File("new/loss"), points, "Shapes & <friends>", new LossPlotOptions { HeldOut = points[..9], GradientNorm = points });

        RawImage png = new SkiaImageCodec().Decode(File.ReadAllBytes(folder.File("new/loss.png")), "loss.png");
        Assert.Equal((1920, 1120), (png.Width, png.Height));
        XDocument svg = XDocument.Load(folder.File("new/loss.svg"));
        Assert.Equal("svg", svg.Root?.Name.LocalName);
        Assert.SkipUnless(InstalledFont.IsAvailable, InstalledFont.Advice);
        Assert.Contains("Shapes & <friends>", svg.Root!.Value, StringComparison.Ordinal);
        Assert.Contains("(log scale)", svg.Root.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Compared_losses_have_names_and_reach_as_far_as_they_go()
    {
        using TemporaryFolder folder = new();
        (long, double)[] first = [.. Enumerable.Range(0, 50).Select(i => ((long)i, 1.0))];
        (long, double)[] other = [.. Enumerable.Range(0, 90).Select(i => ((long)i, 3.0))];
        LossPlot.Write(folder.File("alone"), first, "t");
        LossPlot.Write(folder.File("both"), first, "t", new() { Name = "first run", Compared = [("other run", other)] });
        Assert.NotEqual(File.ReadAllBytes(folder.File("alone.png")), File.ReadAllBytes(folder.File("both.png")));
        Assert.SkipUnless(InstalledFont.IsAvailable, InstalledFont.Advice);
        string text = XDocument.Load(folder.File("both.svg")).Root!.Value;
        Assert.Contains("first run", text, StringComparison.Ordinal);
        Assert.Contains("other run", text, StringComparison.Ordinal);
        Assert.DoesNotContain("smoothed", text, StringComparison.Ordinal);
        Assert.Contains("80", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Losses_that_are_few_flat_negative_or_not_finite_are_drawn()
    {
        using TemporaryFolder folder = new();
        (long, double)[][] series =
        [
            [(5, 0.5)],
            [(0, 0)],
            [(1, 1), (2, 1)],
            [(1, -3), (2, 8), (3, 0)],
            [(1, double.NaN), (2, 1e-9), (3, double.PositiveInfinity), (4, 1e12)],
        ];
        for (int i = 0; i < series.Length; i++)
        {
            LossPlot.Write(folder.File($"loss{i}"), series[i], "edge");
            Assert.True(File.Exists(folder.File($"loss{i}.svg")));
        }
    }

    [Fact]
    public void Nothing_to_draw_is_an_error_and_leaves_the_earlier_plot()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder.File("loss.png"), "earlier");
        Assert.Throws<ArgumentException>(() => LossPlot.Write(folder.File("loss"), [(1, double.NaN)], "none"));
        Assert.Equal("earlier", File.ReadAllText(folder.File("loss.png")));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Smoothing_keeps_a_constant_and_does_not_lag()
    {
        Curve flat = Curve.From([.. Enumerable.Range(0, 300).Select(i => ((long)i, 2.0))]).Smooth();
        Assert.All(flat.Values, value => Assert.Equal(2.0, value, 12));
        Curve line = Curve.From([.. Enumerable.Range(0, 300).Select(i => ((long)i, (double)i))]).Smooth();
        Assert.Equal(150.0, line.Values[150], 9);
        Assert.Equal(0.0, line.Values[0]);
    }

    [Fact]
    public void Smoothing_leaves_a_spike_out_and_draws_no_more_points_than_are_seen()
    {
        double[] values = [.. Enumerable.Repeat(1.0, 100_001)];
        (values[300], values[50_000]) = (99, -99);
        Curve smooth = Curve.From([.. values.Select((value, step) => ((long)step, value))]).Smooth();
        Assert.All(smooth.Values, value => Assert.Equal(1.0, value, 12));
        Assert.InRange(smooth.Steps.Length, 1000, 2002);
        Assert.Equal((0.0, 100_000.0), (smooth.Steps[0], smooth.Steps[^1]));
    }

    [Fact]
    public void Thinning_keeps_every_spike()
    {
        double[] values = [.. Enumerable.Repeat(1.0, 100_000)];
        values[77_777] = 99;
        Curve thin = Curve.From([.. values.Select((value, step) => ((long)step, value))]).Thin();
        Assert.InRange(thin.Values.Length, 1000, 2000);
        Assert.Contains(99.0, thin.Values);
        Assert.Equal(thin.Steps.Order(), thin.Steps);
    }
}
