using System.CommandLine;
using DimIlgpu.Cli.Options;
using DimIlgpu.Cli.Screens;
using DimIlgpu.Kernels;
using Spectre.Console;

namespace DimIlgpu.Cli.Commands;

/// <summary><c>dim devices</c>: what this machine can run on.</summary>
internal static class DevicesCommand
{
    public static Command Create(Terminal terminal)
    {
        Option<bool> json = Typed.Switch("--json", "Write one line of JSON.");
        Command command = new("devices", "Lists the devices of this machine.") { json };
        command.SetAction(parsed => Run(terminal, parsed.GetValue(json)));
        HelpWithExamples.AddTo(command,
        [
            ("dim devices", "what --device accepts here, and which one auto means"),
            ("dim devices --json", "the same for a script"),
        ]);
        return command;
    }

    private static int Run(Terminal terminal, bool json)
    {
        IReadOnlyList<DeviceInfo> devices = Device.List();
        DeviceInfo auto = devices.FirstOrDefault(d => d.IsGpu, devices[^1]);
        if (json)
        {
            terminal.WriteJson(new { Auto = auto.Id, Devices = devices });
            return ExitCode.Success;
        }

        Table table = Screen.Table("Device", "Name", "Memory", "");
        foreach (DeviceInfo device in devices)
        {
            table.AddRow(
                Markup.Escape(device.Id), Markup.Escape(device.Name), Format.Bytes(device.MemoryBytes), device == auto ? "auto" : "");
        }

        terminal.Screen(json: false).Write(table);
        return ExitCode.Success;
    }
}
