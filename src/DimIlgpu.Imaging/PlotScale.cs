using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace DimIlgpu.Imaging;

/// <summary>A vertical axis, linear or logarithmic: where a value is drawn, its limits and its ticks.</summary>
internal sealed class PlotScale
{
    /// <summary>Below this ratio of largest to smallest a linear axis reads better.</summary>
    private const double SensibleRatio = 6;

    /// <summary>With more decades than this, only powers of ten are named.</summary>
    private const double MostDecadesInDetail = 2.5;

    private const double Headroom = 0.05;

    private readonly double lowest;
    private readonly double highest;

    private PlotScale(bool logarithmic, double smallest, double largest)
    {
        this.IsLogarithmic = logarithmic;
        (double from, double to) = (this.Place(smallest), this.Place(largest));
        double margin = to > from ? (to - from) * Headroom : logarithmic ? 0.3 : Math.Max(Math.Abs(to) * Headroom, 1e-6);
        this.lowest = from - margin;
        this.highest = to + margin;
    }

    public bool IsLogarithmic { get; }

    /// <summary>Fits a scale to all of <paramref name="curves"/>; the first says whether it is logarithmic.</summary>
    public static PlotScale Fit(bool? logarithmic, params IReadOnlyList<Curve> curves)
    {
        double smallest = curves.Min(curve => curve.Values.Min());
        double largest = curves.Max(curve => curve.Values.Max());
        bool sensible = curves[0].Values.Max() >= SensibleRatio * curves[0].Values.Min();
        return new PlotScale(smallest > 0 && (logarithmic ?? sensible), smallest, largest);
    }

    /// <summary>Where on the axis <paramref name="value"/> is drawn.</summary>
    public double Place(double value) => this.IsLogarithmic ? Math.Log10(value) : value;

    /// <summary>Sets the limits and ticks of <paramref name="axis"/>.</summary>
    public void Apply(IYAxis axis)
    {
        axis.Min = this.lowest;
        axis.Max = this.highest;
        if (this.IsLogarithmic)
        {
            axis.TickGenerator = this.LogarithmicTicks();
        }
    }

    private NumericManual LogarithmicTicks()
    {
        NumericManual ticks = new();
        bool detailed = this.highest - this.lowest <= MostDecadesInDetail;
        for (int decade = (int)Math.Floor(this.lowest); decade <= this.highest; decade++)
        {
            for (int digit = 1; digit <= 9; digit++)
            {
                double value = digit * Math.Pow(10, decade);
                double place = this.Place(value);
                if (place < this.lowest || place > this.highest)
                {
                    continue;
                }

                if (digit == 1 || (detailed && digit is 2 or 5))
                {
                    ticks.AddMajor(place, Name(value));
                }
                else
                {
                    ticks.AddMinor(place);
                }
            }
        }

        return ticks;
    }

    private static string Name(double value) => value is >= 1e-4 and < 1e6
        ? value.ToString("0.####", CultureInfo.InvariantCulture)
        : value.ToString("0e+0", CultureInfo.InvariantCulture);
}
