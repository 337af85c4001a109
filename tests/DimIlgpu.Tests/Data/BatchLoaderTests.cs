using DimIlgpu.Model.Data;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class BatchLoaderTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(37)]
    [InlineData(64)]
    [InlineData(1000)]
    [InlineData(1025)]
    public void A_permutation_covers_each_index_once(int count)
    {
        for (ulong epoch = 0; epoch < 3; epoch++)
        {
            IndexPermutation order = new(count, 9, epoch);
            Assert.Equal(Enumerable.Range(0, count), Enumerable.Range(0, count).Select(i => order[i]).Order());
        }
    }

    [Fact]
    public void Epochs_cover_every_sample_once_in_different_orders()
    {
        using BatchLoader loader = new(new CountingData(30), new() { BatchSize = 10 });
        List<float> first = Samples(loader, 3);
        List<float> second = Samples(loader, 3);
        Assert.Equal(Enumerable.Range(0, 30).Select(static i => (float)i), first.Order());
        Assert.Equal(first.Order(), second.Order());
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void A_batch_may_cross_epochs()
    {
        using BatchLoader loader = new(new CountingData(7), new() { BatchSize = 5 });
        List<float> seen = Samples(loader, 7);
        for (int epoch = 0; epoch < 5; epoch++)
        {
            Assert.Equal(7, seen.Skip(7 * epoch).Take(7).Distinct().Count());
        }
    }

    [Fact]
    public void Resuming_gives_the_same_batches()
    {
        ShapesDataSet data = new();
        BatchLoaderOptions options = new() { BatchSize = 6, Seed = 11 };
        using BatchLoader whole = new(data, options);
        using BatchLoader resumed = new(data, options, firstStep: 5);
        for (int step = 0; step < 9; step++)
        {
            Batch batch = whole.Next(TestContext.Current.CancellationToken);
            Assert.Equal(step, batch.Step);
            if (step >= 5)
            {
                Batch other = resumed.Next(TestContext.Current.CancellationToken);
                Assert.Equal(batch.Step, other.Step);
                Assert.Equal(batch.Labels, other.Labels);
                Assert.Equal(batch.Values, other.Values);
            }
        }
    }

    [Fact]
    public void Half_of_the_samples_are_mirrored_where_the_data_allow_it()
    {
        Assert.Equal(0, Mirrored(allowed: false, wanted: true));
        Assert.Equal(0, Mirrored(allowed: true, wanted: false));
        Assert.InRange(Mirrored(allowed: true, wanted: true), 400, 600);

        static int Mirrored(bool allowed, bool wanted)
        {
            using BatchLoader loader = new(new CountingData(50, allowed), new() { BatchSize = 1000, HorizontalFlip = wanted });
            Batch batch = loader.Next(TestContext.Current.CancellationToken);
            int mirrored = 0;
            for (int i = 0; i < 1000; i++)
            {
                // Rows of (a, b) and (c, d), each pixel of two channels: mirroring swaps pixels, never channels.
                float[] sample = batch.Values[(8 * i)..((8 * i) + 8)];
                float n = Math.Min(sample[0], sample[2]);
                bool flipped = sample[0] > sample[2];
                mirrored += flipped ? 1 : 0;
                float[] plain = [n, n + 0.1f, n + 0.2f, n + 0.3f, n + 0.4f, n + 0.5f, n + 0.6f, n + 0.7f];
                int[] order = flipped ? [2, 3, 0, 1, 6, 7, 4, 5] : [0, 1, 2, 3, 4, 5, 6, 7];
                Assert.Equal(order.Select(k => plain[k]), sample);
            }

            return mirrored;
        }
    }

    [Fact]
    public void A_fault_while_reading_surfaces_at_its_step_and_stays()
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        using BatchLoader loader = new(new CountingData(10, faultAfter: 25), new() { BatchSize = 10 });
        loader.Next(cancellation);
        loader.Next(cancellation);
        Assert.Throws<InvalidDataException>(() => loader.Next(cancellation));
        Assert.Throws<InvalidDataException>(() => loader.Next(cancellation));
    }

    [Fact]
    public void Waiting_can_be_cancelled_and_the_loader_disposed_at_any_time()
    {
        using ManualResetEventSlim gate = new(false);
        BatchLoader loader = new(new CountingData(10, gate: gate), new() { BatchSize = 4 });
        using CancellationTokenSource cancel = new(50);
        Assert.ThrowsAny<OperationCanceledException>(() => loader.Next(cancel.Token));
        gate.Set();
        Assert.Equal(0, loader.Next(TestContext.Current.CancellationToken).Step);
        loader.Dispose();
        loader.Dispose();
        Assert.Throws<ObjectDisposedException>(() => loader.Next(TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Batches_reuse_their_memory()
    {
        using BatchLoader loader = new(new CountingData(100), new() { BatchSize = 8, Prefetch = 2 });
        HashSet<float[]> arrays = new(ReferenceEqualityComparer.Instance);
        for (int i = 0; i < 20; i++)
        {
            arrays.Add(loader.Next(TestContext.Current.CancellationToken).Values);
        }

        Assert.Equal(3, arrays.Count);
    }

    [Fact]
    public void A_batch_in_use_is_not_written_again()
    {
        using BatchLoader loader = new(new CountingData(100), new() { BatchSize = 8, HorizontalFlip = false });
        Batch batch = loader.Next(TestContext.Current.CancellationToken);
        float[] copy = [.. batch.Values];
        Thread.Sleep(50);
        Assert.Equal(copy, batch.Values);
    }

    private static List<float> Samples(BatchLoader loader, int batches)
    {
        List<float> seen = [];
        for (int i = 0; i < batches; i++)
        {
            Batch batch = loader.Next(TestContext.Current.CancellationToken);
            seen.AddRange(batch.Values.Where((_, at) => at % 8 == 0));
        }

        return seen;
    }

    /// <summary>Sample i is 2×2 pixels of two channels with values i, i + 0.1, … i + 0.7.</summary>
    private sealed class CountingData(int count, bool flips = false, int faultAfter = int.MaxValue, ManualResetEventSlim? gate = null) : IDataSet
    {
        private int reads;

        public string Name => "counting";

        public SampleShape Shape => new(1, 2, 2, 2);

        public IReadOnlyList<string> Classes => ["all"];

        public bool AllowsHorizontalFlip => flips;

        public bool IsLatent => false;

        public int Count(DataSplit split) => count;

        public int Read(DataSplit split, int index, Span<float> values)
        {
            gate?.Wait();
            if (this.reads++ >= faultAfter)
            {
                throw new InvalidDataException("sample is damaged.");
            }

            for (int i = 0; i < 8; i++)
            {
                values[i] = i == 0 ? index : index + (0.1f * i);
            }

            return 0;
        }
    }
}
