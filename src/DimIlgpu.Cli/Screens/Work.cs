using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace DimIlgpu.Cli.Screens;

/// <summary>Shows how far a piece of work is: a bar that goes when it is done, or now and then a line.</summary>
internal static class Work
{
    private static readonly TimeSpan PlainEvery = TimeSpan.FromSeconds(10);

    /// <summary>Does <paramref name="work"/>, which reports 0 to 1.</summary>
    public static async Task<T> RunAsync<T>(Screen screen, string what, Func<IProgress<double>, Task<T>> work)
    {
        if (!screen.IsLive)
        {
            return await work(new PlainProgress(screen, what)).ConfigureAwait(false);
        }

        return await screen.Console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(what), maxValue: 1);
                return work(new BarProgress(task));
            })
            .ConfigureAwait(false);
    }

    private sealed class BarProgress(ProgressTask task) : IProgress<double>
    {
        public void Report(double value) => task.Value = value;
    }

    private sealed class PlainProgress(Screen screen, string what) : IProgress<double>
    {
        private readonly Lock writing = new();
        private long last = Stopwatch.GetTimestamp();

        public void Report(double value)
        {
            lock (this.writing)
            {
                if (Stopwatch.GetElapsedTime(this.last) >= PlainEvery)
                {
                    this.last = Stopwatch.GetTimestamp();
                    screen.Line(string.Create(CultureInfo.InvariantCulture, $"{what}: {value:p0}"));
                }
            }
        }
    }
}
