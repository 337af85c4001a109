using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>Bound by memory: one read and a write, 8 bytes per element.</summary>
public sealed class PatchesBenchmark : IBenchmark
{
    /// <inheritdoc/>
    public static IEnumerable<BenchmarkCase> Cases(Device device, Arena arena)
    {
        PatchLayout layout = new(1, 64, 64, 4, 1, 2);
        Tensor samples = arena.Random(new(256, layout.SampleLength));
        Tensor patches = arena.Rent(new(samples.Rows * layout.Tokens, layout.PatchLength));
        yield return new(
            "patches.patchify", $"{samples.Shape}", Bound.Memory, 8.0 * samples.Shape.Length,
            () => Patches.Patchify(device, samples, new(patches, Add: false), layout));
        yield return new(
            "patches.unpatchify", $"{samples.Shape}", Bound.Memory, 8.0 * samples.Shape.Length,
            () => Patches.Unpatchify(device, patches, new(samples, Add: false), layout));
    }
}
