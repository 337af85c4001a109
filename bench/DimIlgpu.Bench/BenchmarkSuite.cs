using System.Diagnostics;
using System.Reflection;
using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>What was measured of one case.</summary>
/// <param name="Name">Operator and pass.</param>
/// <param name="Shape">The shape, for people.</param>
/// <param name="Milliseconds">Median time of one run.</param>
/// <param name="Rate">Work per second: GB/s, GFLOP/s, million states per second, or µs where only time counts.</param>
/// <param name="Unit">The unit of <paramref name="Rate"/>.</param>
/// <param name="Share">Median over the rounds of the ratio to the bound measured beside it; null where there is none. The time at the bound is this × <paramref name="Milliseconds"/>.</param>
/// <param name="Spread">Half the distance between the quartiles of that ratio, relative to the median.</param>
/// <param name="Limit">For a product held against the lesser of two bounds: what that one allows, in <paramref name="Unit"/>.</param>
public sealed record Measurement(
    string Name, string Shape, double Milliseconds, double Rate, string Unit, double? Share, double? Spread, double? Limit = null);

/// <summary>Measures every case beside what bounds it; the runner that needs no other library.</summary>
public static class BenchmarkSuite
{
    private const int Rounds = 9;

    // A GPU has nothing else to do, and is lent by the minute.
    private static TimeSpan PerRound(Device device) => TimeSpan.FromMilliseconds(device.Kind == DeviceKind.Cuda ? 12 : 40);

    /// <summary>Runs the cases whose names contain <paramref name="filter"/>.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="filter">Part of a name; null for all.</param>
    /// <param name="progress">Receives the name of each case before it runs.</param>
    /// <param name="cancellation">Stops between cases.</param>
    /// <param name="wanted">Which operators' inputs are made at all, by class name without <c>Benchmark</c>; null for all.</param>
    public static IEnumerable<Measurement> Run(
        Device device, string? filter, IProgress<string>? progress, CancellationToken cancellation, Func<string, bool>? wanted = null)
    {
        BenchmarkCase? arithmetic = null, memory = null, read = null;
        using Arena bounds = new(device);
        if (device.Kind == DeviceKind.Cpu)
        {
            arithmetic = Peaks.FusedMultiplyAdd(device, bounds);
            yield return Measure(device, arithmetic, null);
            read = Peaks.Read(device, bounds);
            yield return Measure(device, read, null);
        }

        memory = Peaks.Copy(device, bounds);
        yield return Measure(device, memory, null);
        yield return Measure(device, Peaks.Launch(device, bounds), null);

        foreach (Type type in Types(wanted))
        {
            using Arena arena = new(device);
            foreach (BenchmarkCase item in CasesOf(type, device, arena))
            {
                cancellation.ThrowIfCancellationRequested();
                if (filter is null || item.Name.Contains(filter, StringComparison.OrdinalIgnoreCase))
                {
                    progress?.Report(item.Name);
                    yield return Measure(device, item, item.Bound switch
                    {
                        Bound.Arithmetic => arithmetic,
                        Bound.Memory => memory,
                        _ => item.PeakWork is null ? null : arithmetic,
                    }, item.ReadWork is null ? null : read);
                }
            }
        }
    }

    /// <summary>All cases of all operators; each is valid until the next is asked for.</summary>
    /// <param name="device">Where they run.</param>
    /// <param name="arena">Holds their tensors.</param>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena) => Types(null).SelectMany(t => CasesOf(t, device, arena));

    private static IEnumerable<Type> Types(Func<string, bool>? wanted) => typeof(IBenchmark).Assembly.GetTypes()
        .Where(t => t.IsClass && t.IsAssignableTo(typeof(IBenchmark)) && (wanted?.Invoke(t.Name.Replace("Benchmark", "", StringComparison.Ordinal)) ?? true))
        .OrderBy(t => t.Name, StringComparer.Ordinal);

    private static IEnumerable<BenchmarkCase> CasesOf(Type type, Device device, Arena arena) =>
        (IEnumerable<BenchmarkCase>)type.GetMethod(nameof(IBenchmark.Cases))!.Invoke(null, [device, arena])!;

    private static Measurement Measure(Device device, BenchmarkCase item, BenchmarkCase? bound, BenchmarkCase? read = null)
    {
        // The first runs compile; the second warm-up lets the processor settle.
        _ = Seconds(device, item, 1);
        int repeats = Repeats(device, Seconds(device, item, 2));
        int boundRepeats = bound is null ? 0 : Repeats(device, Seconds(device, bound, 2));
        int readRepeats = read is null ? 0 : Repeats(device, Seconds(device, read, 2));
        List<double> times = [], ratios = [];
        for (int round = 0; round < Rounds; round++)
        {
            double time = Seconds(device, item, repeats);
            times.Add(time);
            if (bound is not null)
            {
                double best = Seconds(device, bound, boundRepeats);
                double meant = (item.PeakWork ?? item.Work) / bound.Work * best;
                if (read is not null)
                {
                    meant = Math.Max(meant, item.ReadWork!.Value / read.Work * Seconds(device, read, readRepeats));
                }

                ratios.Add(meant / time);
            }
        }

        times.Sort();
        ratios.Sort();
        double median = times[Rounds / 2];
        (double scale, string unit) = item.Bound switch
        {
            Bound.Memory => (1e-9, "GB/s"),
            Bound.Arithmetic => (1e-9, "GFLOP/s"),
            Bound.States => (1e-6, "M states/s"),
            _ => (0, item.Name.EndsWith("_us", StringComparison.Ordinal) ? "us" : "ms"),
        };
        double rate = scale == 0 ? median * (unit == "us" ? 1e6 : 1e3) : item.Work / median * scale;
        double? share = bound is null ? null : ratios[Rounds / 2];
        return new(
            item.Name, item.Shape, median * 1e3, rate, unit, share,
            share is null ? null : (ratios[Rounds * 3 / 4] - ratios[Rounds / 4]) / 2 / share,
            read is null ? null : rate / share);
    }

    private static int Repeats(Device device, double seconds) =>
        (int)Math.Clamp(PerRound(device).TotalSeconds / seconds, 1, 2000);

    private static double Seconds(Device device, BenchmarkCase item, int repeats)
    {
        device.Synchronize();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < repeats; i++)
        {
            item.Run();
        }

        device.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalSeconds / repeats;
    }
}
