using System.Runtime.ExceptionServices;

namespace DimIlgpu.Kernels;

/// <summary>The threads of the CPU device: the one that launches and its helpers, who share the parts of one launch at a time.</summary>
/// <remarks>
/// A thread claims a share of the parts that are left, so that few claims are made and the last ones are small: a helper that
/// sleeps, or that another program keeps from running, costs nothing, for the others take its share. The launching thread
/// claims from the first part on, helpers from the last: what one operator has written and the next one reads then mostly
/// lies in the cache of the core that reads it. A helper stays awake for a moment after its last part, because the next
/// launch of a step is microseconds away while waking a thread costs tens of them.
/// </remarks>
internal sealed class CpuTeam : IDisposable
{
    public const int MostParts = 0xffff;

    private static readonly long AwakeTicks = System.Diagnostics.Stopwatch.Frequency / 10_000;

    private readonly Thread[] helpers;
    private readonly SemaphoreSlim wake = new(0);

    // Generation, one past the last part to claim, the first: 32, 16 and 16 bits. One word, so that a claim fails if the
    // launch has changed.
    private long ticket;
    private CpuJob job = CpuJob.None;
    private int count, left, sleepers;
    private Exception? failure;
    private volatile bool disposed;

    public CpuTeam(int threads)
    {
        this.Threads = threads;
        this.helpers = new Thread[threads - 1];
        for (int i = 0; i < this.helpers.Length; i++)
        {
            int thread = i + 1;
            this.helpers[i] = new(() => this.Help(thread)) { IsBackground = true, Name = $"DimIlgpu CPU {thread}" };
            this.helpers[i].Start();
        }
    }

    /// <summary>Threads that work at once, the caller among them.</summary>
    public int Threads { get; }

    /// <summary>Runs the work, divided into <paramref name="parts"/>, and returns when all of it is done.</summary>
    public void Run(CpuJob work, int parts)
    {
        ObjectDisposedException.ThrowIf(this.disposed, this);
        if (parts == 1 || this.helpers.Length == 0)
        {
            work.Run(0, parts, parts, thread: 0);
            return;
        }

        Volatile.Write(ref this.left, parts);
        Volatile.Write(ref this.job, work);
        Volatile.Write(ref this.count, parts);
        long generation = (this.ticket >>> 32) + 1;
        _ = Interlocked.Exchange(ref this.ticket, (generation << 32) | ((long)parts << 16));
        if (Volatile.Read(ref this.sleepers) > 0 && Interlocked.Exchange(ref this.sleepers, 0) is > 0 and int asleep)
        {
            _ = this.wake.Release(asleep);
        }

        _ = this.Work(thread: 0);
        SpinWait spin = default;
        while (Volatile.Read(ref this.left) > 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }

        if (this.failure is { } exception)
        {
            this.failure = null;
            ExceptionDispatchInfo.Throw(exception);
        }
    }

    public void Dispose()
    {
        if (!this.disposed)
        {
            this.disposed = true;
            _ = this.wake.Release(this.helpers.Length + 1);
            foreach (Thread helper in this.helpers)
            {
                helper.Join();
            }

            this.wake.Dispose();
        }
    }

    /// <summary>Claims and runs parts until none is left; whether there was one.</summary>
    private bool Work(int thread)
    {
        bool worked = false;
        while (true)
        {
            long claim = Volatile.Read(ref this.ticket);
            int first = (int)(claim & 0xffff), end = (int)((claim >> 16) & 0xffff);
            if (first >= end)
            {
                return worked;
            }

            CpuJob mine = Volatile.Read(ref this.job);
            int parts = Volatile.Read(ref this.count), share = Math.Max(1, (end - first) / (2 * this.Threads));
            int begin = thread == 0 ? first : end - share;
            long rest = thread == 0 ? claim + share : claim - ((long)share << 16);
            if (Interlocked.CompareExchange(ref this.ticket, rest, claim) != claim)
            {
                continue;
            }

            worked = true;
            try
            {
                mine.Run(begin, begin + share, parts, thread);
            }
#pragma warning disable CA1031 // Whatever the work throws is thrown again by the launch, on the caller's thread.
            catch (Exception e)
#pragma warning restore CA1031
            {
                _ = Interlocked.CompareExchange(ref this.failure, e, null);
            }

            _ = Interlocked.Add(ref this.left, -share);
        }
    }

    private void Help(int thread)
    {
        long lastWork = System.Diagnostics.Stopwatch.GetTimestamp();
        int idle = 0;
        while (!this.disposed)
        {
            if (this.Work(thread))
            {
                lastWork = System.Diagnostics.Stopwatch.GetTimestamp();
                idle = 0;
            }
            else if (++idle % 16 != 0)
            {
                Thread.SpinWait(20);
            }
            else if (System.Diagnostics.Stopwatch.GetTimestamp() - lastWork < AwakeTicks)
            {
                // Whoever else is ready to run on this core goes first.
                _ = Thread.Yield();
            }
            else
            {
                // Announced before the last look at the ticket, so that a launch either is seen here or sees the sleeper.
                _ = Interlocked.Increment(ref this.sleepers);
                if (!this.Work(thread))
                {
                    this.wake.Wait();
                }

                lastWork = System.Diagnostics.Stopwatch.GetTimestamp();
            }
        }
    }
}
