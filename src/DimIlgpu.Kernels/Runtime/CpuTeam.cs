using System.Runtime.ExceptionServices;

namespace DimIlgpu.Kernels;

/// <summary>The threads of the CPU device: the one that launches and its helpers, who share the tasks of one launch at a time.</summary>
/// <remarks>
/// Tasks are claimed one by one, so a helper that sleeps, or that another program keeps from running, costs nothing: the
/// others take its share. The launching thread claims from the first task on, helpers from the last: what one operator has
/// written and the next one reads then mostly lies in the cache of the core that reads it. A helper stays awake for a moment after its last task, because the next launch of a step is
/// microseconds away while waking a thread costs tens of them.
/// </remarks>
internal sealed class CpuTeam : IDisposable
{
    public const int MostTasks = 0xffff;

    private static readonly long AwakeTicks = System.Diagnostics.Stopwatch.Frequency / 10_000;

    private readonly Thread[] helpers;
    private readonly SemaphoreSlim wake = new(0);

    // Generation, one past the last task to claim, the first: 32, 16 and 16 bits. One word, so that a claim fails if the
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
            this.helpers[i] = new(this.Help) { IsBackground = true, Name = $"DimIlgpu CPU {i + 1}" };
            this.helpers[i].Start();
        }
    }

    /// <summary>Threads that work at once, the caller among them.</summary>
    public int Threads { get; }

    /// <summary>Runs tasks 0 … <paramref name="tasks"/> − 1 and returns when all are done.</summary>
    public void Run(CpuJob work, int tasks)
    {
        ObjectDisposedException.ThrowIf(this.disposed, this);
        if (tasks == 1 || this.helpers.Length == 0)
        {
            for (int task = 0; task < tasks; task++)
            {
                work.Run(task, tasks);
            }

            return;
        }

        Volatile.Write(ref this.left, tasks);
        Volatile.Write(ref this.job, work);
        Volatile.Write(ref this.count, tasks);
        long generation = (this.ticket >>> 32) + 1;
        _ = Interlocked.Exchange(ref this.ticket, (generation << 32) | ((long)tasks << 16));
        if (Volatile.Read(ref this.sleepers) > 0 && Interlocked.Exchange(ref this.sleepers, 0) is > 0 and int asleep)
        {
            _ = this.wake.Release(asleep);
        }

        _ = this.Work(fromFirst: true);
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

    /// <summary>Claims and runs tasks until none is left; whether there was one.</summary>
    private bool Work(bool fromFirst)
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
            int task = fromFirst ? first : end - 1, tasks = Volatile.Read(ref this.count);
            if (Interlocked.CompareExchange(ref this.ticket, fromFirst ? claim + 1 : claim - (1 << 16), claim) != claim)
            {
                continue;
            }

            worked = true;
            try
            {
                mine.Run(task, tasks);
            }
#pragma warning disable CA1031 // Whatever a task throws is thrown again by the launch, on the caller's thread.
            catch (Exception e)
#pragma warning restore CA1031
            {
                _ = Interlocked.CompareExchange(ref this.failure, e, null);
            }

            _ = Interlocked.Decrement(ref this.left);
        }
    }

    private void Help()
    {
        long lastWork = System.Diagnostics.Stopwatch.GetTimestamp();
        int idle = 0;
        while (!this.disposed)
        {
            if (this.Work(fromFirst: false))
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
                if (!this.Work(fromFirst: false))
                {
                    this.wake.Wait();
                }

                lastWork = System.Diagnostics.Stopwatch.GetTimestamp();
            }
        }
    }
}
