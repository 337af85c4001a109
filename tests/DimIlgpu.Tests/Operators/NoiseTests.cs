using DimIlgpu.Autograd;
using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class NoiseTests
{
    private const ulong Seed = 0xfedcba9876543210, Stream = 0x123456789;

    // One element; a block that is not full; more than a group on a GPU.
    public static MatrixTheoryData<TestDevice, int, int> Cases => new(Devices.All, [1, 3], [1, 4, 33, 350]);

    public static TheoryData<TestDevice> EveryDevice => [.. Devices.All];

    [Theory, MemberData(nameof(Cases))]
    public void Uniform_numbers_are_the_same_bits_on_every_device(TestDevice kind, int rows, int columns)
    {
        double[] expected = NoiseReference.Uniform(NoiseReference.Words(Seed, Stream, 5, rows * columns));
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Tape tape = new(device);
        Assert.Equal(
            expected.Select(e => (float)e), tape.Uniform(State(tape, Stream), 5, new(rows, columns)).Value.ToArray());
    }

    [Theory, MemberData(nameof(Cases))]
    public void Normal_numbers_match_the_reference(TestDevice kind, int rows, int columns)
    {
        double[] expected = NoiseReference.Normal(NoiseReference.Words(Seed, Stream, 5, rows * columns));
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Tape tape = new(device);
        tape.Normal(State(tape, Stream), 5, new(rows, columns)).Value.ShouldBe(expected, 3e-6, 3e-6);
    }

    [Theory, MemberData(nameof(EveryDevice))]
    public void Tails_reach_as_far_as_31_bits_allow(TestDevice kind)
    {
        // Words whose tails are ½, 2⁻², …, the smallest, on both sides.
        uint[] words = [.. Enumerable.Range(0, 32).SelectMany(k => new[] { (uint)(0xfffffffeUL >> k) & ~1u, (uint)(0xffffffffUL >> k) | 1u })];
        double[] expected = NoiseReference.Normal(words);
        using DeviceLease lease = Devices.Open(kind);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor y = arena.Upload([.. words.Select(w => ((w & 1) == 0 ? 1 : -1) * ((w >> 1) + 0.5) / 4294967296.0)], new(1, words.Length));
        device.Strips(new NoiseNormal(y.Memory, y.Columns), 1, y.Columns);
        float[] got = y.ToArray();
        got.ShouldBe(expected, 4e-4, 1e-6);
        Assert.InRange(got.Max(), 6.3, 6.4);
        Assert.InRange(got.Min(), -6.4, -6.3);
    }

    [Fact]
    public void A_million_normal_numbers_have_the_moments_and_tails_of_the_distribution()
    {
        const int Count = 1_000_000;
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Tape tape = new(device);
        float[] z = tape.Normal(State(tape, 1), 0, new(1000, 1000)).Value.ToArray();
        Assert.InRange(z.Average(v => (double)v), -0.004, 0.004);
        Assert.InRange(z.Average(v => Math.Pow(v, 2)), 0.994, 1.006);
        Assert.InRange(z.Average(v => Math.Pow(v, 3)), -0.016, 0.016);
        Assert.InRange(z.Average(v => Math.Pow(v, 4)), 2.96, 3.04);
        Assert.InRange(z.Zip(z.Skip(1), (a, b) => (double)a * b).Sum() / Count, -0.004, 0.004);

        // Expected beyond 1, 2, 3 and 4 standard deviations, within four deviations of the count.
        (double Beyond, double Share)[] tails = [(1, 0.3173105), (2, 0.0455003), (3, 0.0026998), (4, 0.00006334)];
        Assert.All(tails, t => Assert.InRange(
            z.Count(v => Math.Abs(v) > t.Beyond),
            (Count * t.Share) - (4 * Math.Sqrt(Count * t.Share)), (Count * t.Share) + (4 * Math.Sqrt(Count * t.Share))));
    }

    [Fact]
    public void A_larger_batch_begins_with_the_same_numbers()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu16);
        Device device = lease.Device;
        using Tape tape = new(device);
        Tensor state = State(tape, 1);
        Assert.Equal(
            tape.Normal(state, 0, new(2, 50)).Value.ToArray(), tape.Normal(state, 0, new(4, 50)).Value.ToArray()[..100]);
    }

    [Fact]
    public void A_state_that_is_too_short_is_named()
    {
        using DeviceLease lease = Devices.Open(TestDevice.Cpu1);
        Device device = lease.Device;
        using Arena arena = new(device);
        Tensor y = arena.Rent(new(1, 4)), state = arena.Rent(new(1, 3));
        Assert.Equal("state", Assert.Throws<ArgumentException>(() => Noise.Normal(device, state, 0, y)).ParamName);
    }

    private static Tensor State(Tape tape, ulong stream)
    {
        Tensor state = tape.Rent(new(1, 4));
        state.Upload(RandomSequence.State(Seed, stream));
        return state;
    }
}
