using DimIlgpu.Kernels;

namespace DimIlgpu.Bench;

/// <summary>What a measured action is held against.</summary>
public enum Bound
{
    /// <summary>Bytes read and written, against the bandwidth of a large copy.</summary>
    Memory,

    /// <summary>Floating-point operations, against a loop of fused multiply-adds on all cores.</summary>
    Arithmetic,

    /// <summary>States (B·L·E·N over both directions); reported as a rate.</summary>
    States,

    /// <summary>Reported as a time.</summary>
    Time,
}

/// <summary>A measured action, the least work that it must do, and what bounds it.</summary>
/// <param name="Name">Operator and pass, such as <c>linear.forward</c>.</param>
/// <param name="Shape">The shape, for people.</param>
/// <param name="Bound">What it is held against.</param>
/// <param name="Work">Bytes, operations or states of one run; 0 for <see cref="Bound.Time"/>.</param>
/// <param name="Run">Launches it once; the caller synchronises.</param>
public sealed record BenchmarkCase(string Name, string Shape, Bound Bound, double Work, Action Run)
{
    /// <summary>For what is counted otherwise: the operations that a CPU could do at its peak in the time that one run is meant to take.</summary>
    public double? PeakWork { get; init; }

    /// <summary>
    /// For what few tokens may bound by its weights: the bytes that a CPU could read in the time that one run is meant to
    /// take. The longer one of this time and that of <see cref="PeakWork"/> is what the case is held against.
    /// </summary>
    public double? ReadWork { get; init; }
}

/// <summary>The cases of one operator; found by reflection, so that adding one edits no other file.</summary>
public interface IBenchmark
{
    /// <summary>Makes the cases; their tensors live in <paramref name="arena"/>.</summary>
    static abstract IEnumerable<BenchmarkCase> Cases(Device device, Arena arena);
}
