using DimIlgpu.Kernels;

namespace DimIlgpu.Model.Diffusion;

/// <summary>
/// The device memory of one run of a sampler. Everything that differs from step to step is planned on the host and
/// uploaded once, so that the steps themselves never wait for the device.
/// </summary>
internal sealed class SamplingMemory : IDisposable
{
    private readonly Arena arena;
    private readonly Tensor x;
    private readonly ulong seed;
    private readonly List<float> rows = [];
    private readonly List<float> times = [];
    private Tensor? rowTable, timeTable, states;

    public SamplingMemory(Tensor x, ulong seed)
    {
        (this.arena, this.x, this.seed) = (new(x.Device), x, seed);
        this.Prediction = this.Rent();
        this.Denoised = this.Rent();
    }

    public Device Device => this.x.Device;

    /// <summary>What the network returned.</summary>
    public Tensor Prediction { get; }

    /// <summary>x̂₀.</summary>
    public Tensor Denoised { get; }

    /// <summary>A further tensor of the samples' shape.</summary>
    public Tensor Rent() => this.arena.Rent(this.x.Shape);

    /// <summary>Plans a row of factors for <see cref="Mix"/>; its number.</summary>
    public int Plan(double k0, double k1 = 0, double k2 = 0, double k3 = 0, double clip = 0)
    {
        this.rows.AddRange([(float)k0, (float)k1, (float)k2, (float)k3, (float)clip]);
        return (this.rows.Count / Mix.Width) - 1;
    }

    /// <summary>Plans the network's time for a level; its number.</summary>
    public int Plan(NoiseLevel level)
    {
        this.times.AddRange(Enumerable.Repeat((float)level.Time, (int)this.x.Rows));
        return (this.times.Count / (int)this.x.Rows) - 1;
    }

    /// <summary>Uploads what was planned, and the states of that many draws of noise.</summary>
    public void Upload(int draws)
    {
        this.rowTable = this.arena.Rent(new(this.rows.Count / Mix.Width, Mix.Width));
        this.rowTable.Value.Upload([.. this.rows]);
        this.timeTable = this.arena.Rent(new(this.times.Count, 1));
        this.timeTable.Value.Upload([.. this.times]);
        if (draws > 0)
        {
            this.states = this.arena.Rent(new(draws, 4));
            int[] words = [.. Enumerable.Range(1, draws).SelectMany(i => RandomSequence.State(this.seed, (ulong)i))];
            this.states.Value.Upload(words);
        }
    }

    /// <summary>Evaluates the network at a planned time.</summary>
    public void Predict(IDenoiser denoiser, Tensor at, NoiseLevel level, int time, Tensor? variance = null) =>
        denoiser.Predict(
            at, level, this.timeTable!.Value.SliceRows(time * this.x.Rows, this.x.Rows), this.Prediction, variance);

    /// <summary>Combines tensors by a planned row.</summary>
    public void Apply(int row, ReadOnlySpan<Tensor> inputs, Tensor y) =>
        Mix.Forward(this.Device, inputs, this.Row(row), y);

    /// <summary>Draws the noise of a step.</summary>
    public void Draw(int step, Tensor y) =>
        Noise.Normal(this.Device, this.states!.Value.SliceRows(step, 1), 0, y);

    /// <summary>Device rows of another width, uploaded at once.</summary>
    public Tensor Table(float[] values, int width)
    {
        Tensor table = this.arena.Rent(new(values.Length / width, width));
        table.Upload(values);
        return table;
    }

    public void Dispose()
    {
        // The memory goes back to the driver, which may still be reading it.
        this.Device.Synchronize();
        this.arena.Dispose();
    }

    private Tensor Row(int row) => this.rowTable!.Value.SliceRows(row, 1);
}
