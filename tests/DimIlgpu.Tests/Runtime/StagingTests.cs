using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class StagingTests
{
    public static TheoryData<TestDevice> Kinds => [.. Devices.All.Where(d => d != TestDevice.OpenCl)];

    // The capacity is a hundred of them. Longer than what may be under way, in unequal parts, each overwritten as soon as it was handed over.
    [Theory, MemberData(nameof(Kinds))]
    public void Values_arrive_though_their_source_changes_at_once(TestDevice kind)
    {
        using DeviceLease lease = Devices.Open(kind);
        using Arena arena = new(lease.Device);
        using Staging staging = new(lease.Device, capacity: 400);
        float[] expected = [.. Data.Random(1, 1000).Select(v => (float)v)];
        Tensor all = arena.Rent(new(1, 1000), clear: true);
        int start = 0;
        foreach (int count in new[] { 1, 99, 30, 100, 270, 500 })
        {
            float[] values = [.. expected.Skip(start).Take(count)];
            staging.Copy<float>(values, all.Slice(start, count).View);
            Array.Clear(values);
            start += count;
        }

        Assert.Equal(expected, all.ToArray());
    }
}
