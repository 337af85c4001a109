using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class DeviceGraphTests
{
    /// <summary>CUDA's own graphs where there are some, and launches kept by a fake elsewhere.</summary>
    public static TheoryData<TestDevice> Kinds => [.. Devices.Fast.Where(d => d is TestDevice.Cpu16 or TestDevice.OpenCl or TestDevice.Cuda)];

    [Theory, MemberData(nameof(Kinds))]
    public void Work_is_run_then_recorded_then_replayed_on_what_memory_holds(TestDevice kind)
    {
        using Bench b = new(kind);
        for (int i = 1; i <= 5; i++)
        {
            b.X.Upload([1f * i, 2 * i, 3 * i, 4 * i]);
            b.Graph.Run(b.Double);
            Assert.Equal([2f * i, 4 * i, 6 * i, 8 * i], b.Y.ToArray());
        }

        Assert.Equal((1, 1, 4), b.Graph.Counts);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void After_the_first_time_no_memory_is_taken(TestDevice kind)
    {
        using Bench b = new(kind);
        b.Graph.Run(b.Double);
        long allocations = b.Device.Memory.Allocations;
        for (int i = 0; i < 4; i++)
        {
            b.X.Upload([1f, 2, 3, 4]);
            b.Graph.Run(b.Double);
        }

        Assert.Equal(allocations, b.Device.Memory.Allocations);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Keys_tell_works_apart(TestDevice kind)
    {
        using Bench b = new(kind);
        b.X.Upload([1f, 2, 3, 4]);
        for (int i = 0; i < 4; i++)
        {
            b.Graph.Run("double", b.Double);
            Assert.Equal([2f, 4, 6, 8], b.Y.ToArray());
            b.Graph.Run("clear", b.Y.Clear);
            Assert.Equal([0f, 0, 0, 0], b.Y.ToArray());
        }

        Assert.Equal((2, 2, 6), b.Graph.Counts);
    }

    // A replay would overwrite what now stands where the work's intermediates stood.
    [Theory, MemberData(nameof(Kinds))]
    public void An_arena_that_has_moved_on_is_seen(TestDevice kind)
    {
        using Bench b = new(kind);
        b.X.Upload([1f, 2, 3, 4]);
        b.Graph.Run(b.Double);
        b.Graph.Run(b.Double);
        using (b.Work.Scope())
        {
            Tensor other = b.Work.Rent(new(1, 4));
            other.Upload([9f, 9, 9, 9]);
            b.Graph.Run(b.Double);
            Assert.Equal([9f, 9, 9, 9], other.ToArray());
            Assert.Equal([2f, 4, 6, 8], b.Y.ToArray());
        }

        Assert.Equal((2, 1, 1), b.Graph.Counts);
        b.Graph.Run(b.Double);
        b.Graph.Run(b.Double);
        Assert.Equal((2, 2, 3), b.Graph.Counts);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void An_arena_that_gave_its_memory_up_is_seen(TestDevice kind)
    {
        using Bench b = new(kind);
        b.X.Upload([1f, 2, 3, 4]);
        b.Graph.Run(b.Double);
        b.Graph.Run(b.Double);
        b.Device.Synchronize();
        b.Work.Dispose();
        b.Graph.Run(b.Double);
        Assert.Equal([2f, 4, 6, 8], b.Y.ToArray());
        Assert.Equal((2, 1, 1), b.Graph.Counts);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void A_tensor_that_was_taken_back_is_seen(TestDevice kind)
    {
        using Bench b = new(kind);
        Tensor lent = b.Lent.Rent(new(1, 4));
        lent.Upload([1f, 1, 1, 1]);
        Action work = () => b.Y.CopyFrom(lent);
        b.Graph.Run(work);
        b.Graph.Run(work);
        b.Lent.Reset();
        Assert.Throws<ObjectDisposedException>(() => b.Graph.Run(work));
        _ = b.Lent.Rent(new(1, 4));
        Assert.Throws<ObjectDisposedException>(() => b.Graph.Run(work));
        Assert.Equal((1, 1, 1), b.Graph.Counts);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Work_that_needs_more_memory_while_it_is_recorded_is_run(TestDevice kind)
    {
        using Bench b = new(kind);
        b.X.Upload([1f, 2, 3, 4]);
        b.Graph.Run(b.Double);
        b.Device.Synchronize();
        b.Work.Dispose();
        b.Graph.Run(b.Double);
        Assert.Equal([2f, 4, 6, 8], b.Y.ToArray());
        Assert.Equal((2, 0, 0), b.Graph.Counts);
        b.Graph.Run(b.Double);
        Assert.Equal((2, 1, 1), b.Graph.Counts);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Work_that_waits_for_the_device_is_refused_and_harms_nothing(TestDevice kind)
    {
        using Bench b = new(kind);
        float[] values = new float[4];
        Action[] waiting = [() => b.Y.Download(values), () => b.X.Upload(values), b.Device.Synchronize];
        foreach (Action work in waiting)
        {
            b.Graph.Run(work, work);
            Assert.Throws<InvalidOperationException>(() => b.Graph.Run(work, work));
        }

        b.X.Upload([1f, 2, 3, 4]);
        for (int i = 0; i < 3; i++)
        {
            b.Graph.Run(b.Double);
        }

        Assert.Equal([2f, 4, 6, 8], b.Y.ToArray());
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Cancelled_work_is_not_replayed(TestDevice kind)
    {
        using Bench b = new(kind);
        b.X.Upload([1f, 2, 3, 4]);
        b.Graph.Run(b.Double);
        b.Graph.Run(b.Double);
        b.Y.Clear();
        b.Device.Cancellation = new(canceled: true);
        Assert.Throws<OperationCanceledException>(() => b.Graph.Run(b.Double));
        b.Device.Cancellation = default;
        Assert.Equal([0f, 0, 0, 0], b.Y.ToArray());
        Assert.Equal((1, 1, 1), b.Graph.Counts);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Work_within_work_is_a_part_of_it(TestDevice kind)
    {
        using Bench b = new(kind);
        using DeviceGraph outer = new(b.Device);
        for (int i = 1; i <= 4; i++)
        {
            b.X.Upload([1f * i, i, i, i]);
            outer.Run(() => b.Graph.Run(b.Double));
            Assert.Equal([2f * i, 2 * i, 2 * i, 2 * i], b.Y.ToArray());
        }

        Assert.Equal((1, 1, 3), outer.Counts);
    }

    [Fact]
    public void Many_keys_keep_few_recordings_and_the_end_keeps_none()
    {
        using Bench b = new(TestDevice.Cpu16);
        for (int i = 0; i < 50; i++)
        {
            b.Graph.Run(i / 2, b.Double);
            Assert.InRange(b.Fake!.Living, 0, 8);
        }

        b.Graph.Dispose();
        Assert.Equal(0, b.Fake!.Living);
        Assert.Equal(25, b.Fake.Recordings);
    }

    /// <summary>y = 2 x, by way of memory that is rented each time.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly Arena arena;
        private readonly Tensor factor;

        public Bench(TestDevice kind)
        {
            this.Device = Device.Open(kind switch { TestDevice.Cuda => "cuda", TestDevice.OpenCl => "opencl", _ => "cpu" });
            this.Fake = kind == TestDevice.Cuda ? null : new(this.Device);
            (this.arena, this.Work, this.Lent, this.Graph) = (new(this.Device), new(this.Device), new(this.Device), new(this.Device));
            (this.X, this.Y, this.factor) = (this.arena.Rent(new(1, 4)), this.arena.Rent(new(1, 4)), this.arena.Rent(new(1, Mix.Width)));
            this.factor.Upload([2f, 0f, 0f, 0f, 0f]);
            this.X.Clear();
        }

        public Device Device { get; }

        public FakeGraphs? Fake { get; }

        public Arena Work { get; }

        public Arena Lent { get; }

        public DeviceGraph Graph { get; }

        public Tensor X { get; }

        public Tensor Y { get; }

        public void Double()
        {
            using ArenaScope scope = this.Work.Scope();
            Tensor copy = this.Work.Rent(new(1, 4)), result = this.Work.Rent(new(1, 4), clear: true);
            copy.CopyFrom(this.X);
            Mix.Forward(this.Device, [copy], this.factor, result);
            this.Y.CopyFrom(result);
        }

        public void Dispose()
        {
            this.Graph.Dispose();
            this.Device.Synchronize();
            this.Lent.Dispose();
            this.Work.Dispose();
            this.arena.Dispose();
            this.Device.Dispose();
        }
    }
}
