using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class CpuTeamTests
{
    // As many parts as threads, fewer and more; the team is awake for some launches and asleep for others.
    [Theory, InlineData(1), InlineData(2), InlineData(5)]
    public void Every_part_runs_exactly_once(int threads)
    {
        using CpuTeam team = new(threads);
        for (int launch = 0; launch < 2000; launch++)
        {
            int parts = 1 + (launch * 7 % 23);
            Counts counts = new(parts);
            team.Run(counts, parts);
            Assert.All(counts.Runs, runs => Assert.Equal(1, runs));
            if (launch % 400 == 399)
            {
                Thread.Sleep(2);
            }
        }
    }

    [Theory, InlineData(1), InlineData(3)]
    public void What_a_part_throws_reaches_the_caller_and_the_team_goes_on(int threads)
    {
        using CpuTeam team = new(threads);
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal("part 4", Assert.Throws<InvalidOperationException>(() => team.Run(new Failing(4), 9)).Message);
            Counts counts = new(9);
            team.Run(counts, 9);
            Assert.All(counts.Runs, runs => Assert.Equal(1, runs));
        }
    }

    [Fact]
    public void A_team_that_was_dismissed_says_so()
    {
        CpuTeam team = new(2);
        team.Dispose();
        team.Dispose();
        Assert.Throws<ObjectDisposedException>(() => team.Run(new Counts(1), 1));
    }

    [Fact]
    public void A_cancelled_device_launches_nothing_until_it_is_told_otherwise()
    {
        using Device device = Device.Open("cpu", new() { Threads = 2 });
        using Arena arena = new(device);
        Tensor x = arena.Upload([1, 2, 3], new(1, 3)), y = arena.Upload([0, 0, 0], x.Shape);
        device.Cancellation = new CancellationToken(canceled: true);
        Assert.Throws<OperationCanceledException>(() => Sum.Forward(device, x, x, y));
        device.Cancellation = default;
        Assert.Equal([0f, 0f, 0f], y.ToArray());
        Sum.Forward(device, x, x, y);
        Assert.Equal([2f, 4f, 6f], y.ToArray());
    }

    private sealed class Counts(int parts) : CpuJob
    {
        public int[] Runs { get; } = new int[parts];

        public override void Run(int first, int last, int parts, int thread)
        {
            for (int part = first; part < last; part++)
            {
                _ = Interlocked.Increment(ref this.Runs[part]);
            }
        }
    }

    private sealed class Failing(int at) : CpuJob
    {
        public override void Run(int first, int last, int parts, int thread)
        {
            if (first <= at && at < last)
            {
                throw new InvalidOperationException($"part {at}");
            }
        }
    }
}
