using System.CommandLine;
using System.Globalization;
using DimIlgpu.Bench;
using DimIlgpu.Cli.Options;
using DimIlgpu.Cli.Screens;
using DimIlgpu.Kernels;
using Spectre.Console;

namespace DimIlgpu.Cli.Commands;

/// <summary><c>dim bench</c>: how fast every operator is, beside what the machine can do at most.</summary>
internal sealed class BenchCommand
{
    private static readonly string[] Bounds = ["fma_peak_gflops", "memory_gbps", "read_gbps", "launch_us"];

    private readonly Terminal terminal;
    private readonly DeviceChoice device = new();
    private readonly Option<string?> filter = Typed.Text("--filter", "Run only cases whose name contains this.", "TEXT");
    private readonly Option<bool> json = Typed.Switch("--json", "Write one JSON object.");

    private BenchCommand(Terminal terminal) => this.terminal = terminal;

    public static Command Create(Terminal terminal)
    {
        BenchCommand bench = new(terminal);
        Command command = new("bench", "Measures operators and networks beside the bounds of the machine.") { bench.filter };
        bench.device.AddTo(command);
        command.Options.Add(bench.json);
        command.SetAction((parsed, cancellation) => Task.Run(() => bench.Run(parsed, cancellation), cancellation));
        HelpWithExamples.AddTo(command,
        [
            ("dim bench --device cpu", "everything; some minutes"),
            ("dim bench --filter selective-scan", "one operator"),
            ("dim bench --filter model --json", "whole networks, for a script"),
        ]);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        bool isJson = parsed.GetValue(this.json);
        Screen screen = this.terminal.Screen(isJson);
        using Device opened = this.device.Open(parsed);
        screen.Line("Device", opened.Name);
        screen.Line();
        screen.Line(string.Create(CultureInfo.InvariantCulture, $"{"case",-34} {"shape",-24} {"time",11} {"rate",19} {"of bound",18}"));

        List<Measurement> cases = [];
        foreach (Measurement one in BenchmarkSuite.Run(opened, parsed.GetValue(this.filter), null, cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
            cases.Add(one);
            screen.Line(Row(one));
        }

        if (isJson)
        {
            this.terminal.WriteJson(Report(opened, cases));
        }

        return ExitCode.Success;
    }

    private static string Row(Measurement one)
    {
        bool timeOnly = one.Unit is "ms" or "us";
        string time = one.Unit == "us" || one.Milliseconds < 0.1 ? $"{Format.Three(one.Milliseconds * 1000)} us" : $"{Format.Three(one.Milliseconds)} ms";

        // Of a network: the time that its products and its scan are meant to take together.
        string rate = !timeOnly ? $"{Format.Three(one.Rate)} {one.Unit}" : one.Share is { } sum ? $"sum {Format.Three(sum * one.Milliseconds)} ms" : "";
        string share = one.Share is { } value ? $"{Format.Percent(value)} ± {Format.Percent(one.Spread ?? 0)}" : "";
        share += one.Limit is { } limit ? $" of {Format.Three(limit)}" : "";
        return $"{one.Name,-34} {one.Shape,-24} {time,11} {rate,19} {share,18}".TrimEnd();
    }

    private static Dictionary<string, object?> Report(Device device, List<Measurement> cases)
    {
        Dictionary<string, object?> report = new() { ["device"] = device.Name };
        foreach (string bound in Bounds)
        {
            // A GPU has no loop of multiply-adds to be held against.
            report[bound] = cases.FirstOrDefault(c => c.Name == bound)?.Rate;
        }

        report["cases"] = cases.Where(c => !Bounds.Contains(c.Name)).ToArray();
        return report;
    }
}
