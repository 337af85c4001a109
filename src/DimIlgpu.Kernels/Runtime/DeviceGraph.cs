namespace DimIlgpu.Kernels;

/// <summary>Work that a device does over and over. CUDA records it once and launches it as one graph; other devices run it each time.</summary>
/// <remarks>
/// <para>
/// The work is run the first time, so that kernels are compiled and arenas have grown, recorded the second time, and
/// replayed from then on. Where an arena that it uses has moved on, gave up its memory, or must grow, the work is run and
/// recorded anew.
/// </para>
/// <para>
/// The work launches, copies on the device and clears, the same each time: whatever changes it reads from device memory.
/// It may be begun anew, so it starts from a clean state of its own. It does not wait for the device
/// (<see cref="Tensor.Upload(ReadOnlySpan{float})"/>, <see cref="Tensor.Download"/>): that throws.
/// </para>
/// </remarks>
/// <param name="device">Where the work runs.</param>
public sealed class DeviceGraph(Device device) : IDisposable
{
    // Guided and unguided evaluations, from each of a sampler's buffers; more are another batch, and the old ones garbage.
    private const int MostKeys = 8;

    private readonly Dictionary<object, (Recording Recording, IGraphReplay Replay)?> works = [];

    /// <summary>How often work was run, recorded and replayed.</summary>
    internal (int Run, int Recorded, int Replayed) Counts { get; private set; }

    /// <summary>Does the work.</summary>
    /// <param name="work">What is done, the same each time.</param>
    /// <exception cref="OperationCanceledException"><see cref="Device.Cancellation"/> was signalled.</exception>
    public void Run(Action work) => this.Run(this, work);

    /// <summary>Does one of several works.</summary>
    /// <param name="key">Tells works apart: everything on the host that it depends on, such as its tensors.</param>
    /// <param name="work">What is done, the same each time for equal keys.</param>
    /// <exception cref="OperationCanceledException"><see cref="Device.Cancellation"/> was signalled.</exception>
    public void Run(object key, Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        device.Cancellation.ThrowIfCancellationRequested();

        // Within another recording this work is a part of that.
        if (device.GraphDriver is not { } driver || device.Recording is not null)
        {
            work();
            return;
        }

        if (!this.works.TryGetValue(key, out (Recording Recording, IGraphReplay Replay)? known))
        {
            this.RunItself(work);
            this.Remember(key, null);
        }
        else if (known is not { } recorded)
        {
            this.Remember(key, this.Record(driver, work));
        }
        else if (recorded.Recording.IsValid)
        {
            this.Replay(recorded.Replay);
        }
        else
        {
            this.Remember(key, null);
            this.Release(recorded.Replay);
            this.RunItself(work);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((Recording Recording, IGraphReplay Replay)? work in this.works.Values)
        {
            this.Release(work?.Replay);
        }

        this.works.Clear();
    }

    /// <summary>Records the work and replays it; null where it could not be recorded, and was run instead.</summary>
    private (Recording Recording, IGraphReplay Replay)? Record(IGraphDriver driver, Action work)
    {
        Recording recording = new();
        driver.Begin();
        device.Recording = recording;
        try
        {
            work();
        }
        catch (Exception e)
        {
            device.Recording = null;
            driver.Abandon();
            if (e is not NotRecordableException)
            {
                throw;
            }

            this.RunItself(work);
            return null;
        }

        device.Recording = null;
        IGraphReplay replay = driver.End();
        this.Counts = this.Counts with { Recorded = this.Counts.Recorded + 1 };
        this.Replay(replay);
        return (recording, replay);
    }

    private void RunItself(Action work)
    {
        work();
        this.Counts = this.Counts with { Run = this.Counts.Run + 1 };
    }

    private void Replay(IGraphReplay replay)
    {
        replay.Launch();
        this.Counts = this.Counts with { Replayed = this.Counts.Replayed + 1 };
    }

    private void Remember(object key, (Recording Recording, IGraphReplay Replay)? work)
    {
        if (this.works.Count == MostKeys && !this.works.ContainsKey(key))
        {
            this.Dispose();
        }

        this.works[key] = work;
    }

    private void Release(IGraphReplay? replay)
    {
        if (replay is not null)
        {
            device.Synchronize();
            replay.Dispose();
        }
    }
}
