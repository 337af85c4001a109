using System.Collections.Concurrent;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>Every form in which a kernel can run.</summary>
public enum TestDevice
{
    Cpu16,
    Cpu8,
    Cpu4,
    Cpu1,
    Simt,
    OpenCl,
    Cuda,
    SimtTf32,
    SimtBf16,
    CudaTf32,
    CudaBf16,
    OpenClBf16,
}

internal static class Devices
{
    private static readonly IReadOnlyList<DeviceInfo> Found = Device.List();
    private static readonly ConcurrentDictionary<TestDevice, ConcurrentBag<Device>> Idle = new();

    /// <summary>
    /// Every form that this machine has, or those of them that <c>DIMILGPU_DEVICES</c> names (<c>opencl</c>, <c>cpu,simt</c>,
    /// <c>cpu16</c>). <see cref="DevicePresenceTests"/> says which the machine lacks.
    /// </summary>
    public static IEnumerable<TestDevice> All { get; } = Wanted(Environment.GetEnvironmentVariable("DIMILGPU_DEVICES") ?? "", d => d < TestDevice.SimtTf32);

    /// <summary>Every form but the simulated threads, which are slow.</summary>
    public static IEnumerable<TestDevice> Fast { get; } = [.. All.Where(d => d != TestDevice.Simt)];

    /// <summary>Those that round the operands of products: tensor cores, and the simulated threads that stand in for them.</summary>
    public static IEnumerable<TestDevice> Rounding { get; } = Wanted(Environment.GetEnvironmentVariable("DIMILGPU_DEVICES") ?? "", d => d is >= TestDevice.SimtTf32 and <= TestDevice.CudaBf16);

    /// <summary>Those that store activations in bfloat16, but for the simulated threads, which are slow.</summary>
    public static IEnumerable<TestDevice> Mixed { get; } = Wanted(Environment.GetEnvironmentVariable("DIMILGPU_DEVICES") ?? "", d => d is TestDevice.CudaBf16 or TestDevice.OpenClBf16);

    /// <summary>Those that run the kernels of GPUs.</summary>
    public static IEnumerable<TestDevice> Gpus { get; } = [.. All.Where(d => d is TestDevice.Simt or TestDevice.OpenCl or TestDevice.Cuda)];

    public static bool IsPresent(TestDevice kind) => kind switch
    {
        TestDevice.OpenCl or TestDevice.OpenClBf16 => Found.Any(d => d.Id.StartsWith("opencl", StringComparison.Ordinal)),
        TestDevice.Cuda or TestDevice.CudaTf32 or TestDevice.CudaBf16 => Found.Any(d => d.Id.StartsWith("cuda", StringComparison.Ordinal)),
        _ => true,
    };

    /// <summary>Those of the cases whose device is asked for.</summary>
    public static TheoryData<TestDevice, T1, T2> Present<T1, T2>(params (TestDevice Device, T1, T2)[] cases) =>
        [.. cases.Where(c => All.Concat(Rounding).Concat(Mixed).Contains(c.Device))];

    /// <summary>A device of that form for one test alone; given back, the next test finds its kernels compiled.</summary>
    public static DeviceLease Open(TestDevice kind)
    {
        ConcurrentBag<Device> idle = Idle.GetOrAdd(kind, _ => []);
        return new(idle.TryTake(out Device? device) ? device : Create(kind), idle);
    }

    private static Device Create(TestDevice kind) => kind switch
    {
        TestDevice.Simt => Device.OpenSimt(),
        TestDevice.OpenCl => Device.Open("opencl"),
        TestDevice.Cuda => Device.Open("cuda"),
        TestDevice.SimtTf32 => Device.OpenSimt(MatrixPrecision.TensorFloat32),
        TestDevice.SimtBf16 => Device.OpenSimt(MatrixPrecision.BFloat16),
        TestDevice.CudaTf32 => Device.Open("cuda", new() { MatrixPrecision = MatrixPrecision.TensorFloat32 }),
        TestDevice.CudaBf16 => Device.Open("cuda", new() { MatrixPrecision = MatrixPrecision.BFloat16 }),
        TestDevice.OpenClBf16 => Device.Open("opencl", new() { MatrixPrecision = MatrixPrecision.BFloat16 }),
        TestDevice.Cpu16 => Device.Open("cpu", new() { Threads = 2, LaneWidth = 16 }),
        TestDevice.Cpu8 => Device.Open("cpu", new() { Threads = 2, LaneWidth = 8 }),
        TestDevice.Cpu4 => Device.Open("cpu", new() { Threads = 2, LaneWidth = 4 }),
        _ => Device.Open("cpu", new() { Threads = 2, LaneWidth = 1 }),
    };

    private static TestDevice[] Wanted(string names, Func<TestDevice, bool> kind)
    {
        TestDevice[] present = [.. Enum.GetValues<TestDevice>().Where(IsPresent)];
        string[] prefixes = names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        TestDevice[] wanted = prefixes.Length == 0
            ? present
            : [.. present.Where(d => prefixes.Any(p => d.ToString().StartsWith(p, StringComparison.OrdinalIgnoreCase)))];
        return wanted.Length > 0
            ? [.. wanted.Where(kind)]
            : throw new InvalidOperationException($"DIMILGPU_DEVICES asks for '{names}'; this machine has {string.Join(", ", present)}.");
    }
}

/// <summary>A device that one test has for itself.</summary>
internal sealed class DeviceLease(Device device, ConcurrentBag<Device> idle) : IDisposable
{
    public Device Device => device;

    public void Dispose() => idle.Add(device);
}

/// <summary>Says which devices the tests did not run on; <c>DIMILGPU_REQUIRE=opencl,cuda</c> makes that a failure.</summary>
public sealed class DevicePresenceTests
{
    [Theory]
    [InlineData(TestDevice.OpenCl)]
    [InlineData(TestDevice.Cuda)]
    public void The_device_is_there(TestDevice kind)
    {
        string required = Environment.GetEnvironmentVariable("DIMILGPU_REQUIRE") ?? "";
        bool present = Devices.IsPresent(kind);
        Assert.False(
            !present && required.Contains(kind.ToString(), StringComparison.OrdinalIgnoreCase),
            $"DIMILGPU_REQUIRE asks for {kind}, and this machine has none.");
        Assert.SkipUnless(present, $"This machine has no {kind} device: no test ran on one.");
    }
}
