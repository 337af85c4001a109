using System.Runtime.ExceptionServices;

namespace DimIlgpu.Model.Data;

/// <summary>How batches are made.</summary>
public sealed record BatchLoaderOptions
{
    /// <summary>Samples in a batch.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>The seed of order and flips.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether to mirror half of the samples, where the data set allows it.</summary>
    public bool HorizontalFlip { get; init; } = true;

    /// <summary>Batches made ahead of the one in use.</summary>
    public int Prefetch { get; init; } = 2;

    /// <summary>Throws if an option has a value it cannot have.</summary>
    /// <exception cref="ArgumentException">The message names the option, its value and what was expected.</exception>
    public void Validate()
    {
        if (this.BatchSize < 1 || this.Prefetch < 1)
        {
            throw new ArgumentException($"BatchSize is {this.BatchSize} and Prefetch {this.Prefetch}; both are at least 1.");
        }
    }
}

/// <summary>One training batch. The arrays belong to the loader and are written again after the next call of <see cref="BatchLoader.Next"/>.</summary>
/// <param name="Step">The step it is for, counted from 0.</param>
/// <param name="Values">BatchSize · Length values, channel last.</param>
/// <param name="Labels">BatchSize labels.</param>
public sealed record Batch(long Step, float[] Values, int[] Labels);

/// <summary>Gives the batches of training one after another, made ahead on a thread of its own.</summary>
/// <remarks>
/// The batch of step s is a pure function of (seed, s): position p = s · BatchSize + j lies in epoch ⌊p / Count⌋, whose
/// order is a keyed permutation. So a run that resumes at step s sees the batches it would have seen, and nothing is stored.
/// One thread calls <see cref="Next"/>.
/// </remarks>
public sealed class BatchLoader : IDisposable
{
    private const ulong FlipStream = 0x464C4950;
    private const ulong OrderStream = 0x4F52444552;
    private readonly IDataSet data;
    private readonly BatchLoaderOptions options;
    private readonly int count;
    private readonly bool flip;
    private readonly (float[] Values, int[] Labels)[] slots;
    private readonly SemaphoreSlim filled = new(0);
    private readonly SemaphoreSlim free;
    private readonly CancellationTokenSource stop = new();
    private readonly Thread thread;
    private readonly long firstStep;
    private ExceptionDispatchInfo? fault;
    private long faultStep = long.MaxValue;
    private long nextStep;
    private bool inUse;
    private bool disposed;

    /// <summary>Begins to make batches from <paramref name="firstStep"/> on.</summary>
    /// <exception cref="ArgumentException">An option has a value it cannot have, or the data set has nothing to train on.</exception>
    public BatchLoader(IDataSet data, BatchLoaderOptions options, long firstStep = 0)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(firstStep);
        options.Validate();
        this.data = data;
        this.options = options;
        this.count = data.Count(DataSplit.Train);
        if (this.count < 1)
        {
            throw new ArgumentException($"{data.Name} has no samples to train on.", nameof(data));
        }

        this.flip = options.HorizontalFlip && data.AllowsHorizontalFlip;
        this.firstStep = firstStep;
        this.nextStep = firstStep;

        // One more than is made ahead: the one in the caller's hands.
        this.slots = new (float[], int[])[options.Prefetch + 1];
        int values = checked(options.BatchSize * data.Shape.Length);
        for (int i = 0; i < this.slots.Length; i++)
        {
            this.slots[i] = (new float[values], new int[options.BatchSize]);
        }

        this.free = new(options.Prefetch);
        this.thread = new(this.Produce) { IsBackground = true, Name = "DimIlgpu batches" };
        this.thread.Start();
    }

    /// <summary>Waits for the next batch. The one before it must no longer be in use.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> asked for it.</exception>
    /// <exception cref="InvalidDataException">A sample could not be read; whatever reading threw is thrown here.</exception>
    public Batch Next(CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(this.disposed, this);
        if (this.inUse)
        {
            this.inUse = false;
            this.free.Release();
        }

        this.filled.Wait(cancellation);
        if (this.nextStep == Volatile.Read(ref this.faultStep))
        {
            // The fault stays: every later call tells it again rather than wait for ever.
            this.filled.Release();
            this.fault!.Throw();
        }

        (float[] values, int[] labels) = this.Slot(this.nextStep);
        this.inUse = true;
        return new(this.nextStep++, values, labels);
    }

    /// <summary>Stops the thread; a batch still in use stays as it is.</summary>
    public void Dispose()
    {
        if (this.disposed)
        {
            return;
        }

        this.disposed = true;
        this.stop.Cancel();
        this.thread.Join();
        this.stop.Dispose();
        this.filled.Dispose();
        this.free.Dispose();
    }

    private (float[] Values, int[] Labels) Slot(long step) => this.slots[(step - this.firstStep) % this.slots.Length];

    private void Produce()
    {
        long step = this.firstStep;
        try
        {
            for (; ; step++)
            {
                this.free.Wait(this.stop.Token);
                (float[] values, int[] labels) = this.Slot(step);
                this.Fill(step, values, labels);
                this.filled.Release();
            }
        }
        catch (OperationCanceledException) when (this.stop.IsCancellationRequested)
        {
            // Disposed: nobody waits any more.
        }
        catch (Exception thrown)
        {
            // Batches made before it are still given, so that a run ends at the same step every time.
            this.fault = ExceptionDispatchInfo.Capture(thrown);
            Volatile.Write(ref this.faultStep, step);
            this.filled.Release();
        }
    }

    private void Fill(long step, float[] values, int[] labels)
    {
        int length = this.data.Shape.Length;
        for (int j = 0; j < labels.Length; j++)
        {
            this.stop.Token.ThrowIfCancellationRequested();
            long position = checked((step * labels.Length) + j);
            (long epoch, long place) = Math.DivRem(position, this.count);
            int index = new IndexPermutation(this.count, this.options.Seed ^ OrderStream, (ulong)epoch)[(int)place];
            Span<float> sample = values.AsSpan(j * length, length);
            labels[j] = this.data.Read(DataSplit.Train, index, sample);
            if (this.flip && (new CounterRandom(this.options.Seed, FlipStream, (ulong)position).NextBits() & 1) != 0)
            {
                Mirror(sample, this.data.Shape);
            }
        }
    }

    private static void Mirror(Span<float> sample, SampleShape shape)
    {
        int rowLength = shape.Width * shape.Channels;
        for (int start = 0; start < sample.Length; start += rowLength)
        {
            // Reverses the pixels of a row: all values, then the channels within each pixel back again.
            Span<float> row = sample.Slice(start, rowLength);
            row.Reverse();
            for (int x = 0; x < rowLength && shape.Channels > 1; x += shape.Channels)
            {
                row.Slice(x, shape.Channels).Reverse();
            }
        }
    }
}
