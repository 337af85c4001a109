using System.Diagnostics;
using DimIlgpu.Kernels;

namespace DimIlgpu.Model;

/// <summary>Keeps the host from launching far ahead of a GPU: progress would be told too early, and stopping take long.</summary>
/// <remarks>It waits for the device every twentieth of a second or so, which costs the device nothing that could be measured.</remarks>
internal sealed class Pace(Device device)
{
    private const double Seconds = 0.05;

    private long begun = Stopwatch.GetTimestamp();
    private int steps;
    private double most = 1;

    /// <summary>Called after the launches of each step.</summary>
    public void Step()
    {
        if (++this.steps < this.most)
        {
            return;
        }

        device.Synchronize();
        double perStep = Stopwatch.GetElapsedTime(this.begun).TotalSeconds / this.steps;
        (this.begun, this.steps, this.most) = (Stopwatch.GetTimestamp(), 0, Math.Clamp(Seconds / Math.Max(perStep, 1e-9), 1, 64));
    }
}
