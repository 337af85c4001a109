using System.CommandLine;
using DimIlgpu.Kernels;

namespace DimIlgpu.Cli.Options;

/// <summary>The options that choose a device.</summary>
internal sealed class DeviceChoice
{
    public Option<string?> Device { get; } = Typed.Text(
        "--device", "Where to run: auto prefers CUDA, then OpenCL GPUs, then the CPU.", "auto|cpu|opencl[:i]|cuda[:i]");

    public Option<int?> Threads { get; } = Typed.Number("--threads", "Threads of the CPU device; one per core by default.", 1, (int?)1024);

    public Option<MatrixPrecision?> Precision { get; } = Typed.Choice(
        "--precision", "How matrices are multiplied; fp32 by default, the others on CUDA's tensor cores.",
        ("fp32", MatrixPrecision.Float32), ("tf32", MatrixPrecision.TensorFloat32), ("bf16", MatrixPrecision.BFloat16));

    public void AddTo(Command command)
    {
        command.Options.Add(this.Device);
        command.Options.Add(this.Threads);
        command.Options.Add(this.Precision);
    }

    public string Id(ParseResult parsed) => parsed.GetValue(this.Device) ?? "auto";

    public DeviceOptions Options(ParseResult parsed) => new()
    {
        Threads = parsed.GetValue(this.Threads) ?? 0,
        MatrixPrecision = parsed.GetValue(this.Precision) ?? MatrixPrecision.Float32,
    };

    public Device Open(ParseResult parsed) => Kernels.Device.Open(this.Id(parsed), this.Options(parsed));
}
