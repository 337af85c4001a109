using DimIlgpu.Kernels;

namespace DimIlgpu.Tests;

/// <summary>Records launches with their arguments, as CUDA does, on a device that knows nothing of graphs.</summary>
internal sealed class FakeGraphs : IGraphDriver
{
    private readonly Device device;
    private List<Action>? launches;

    public FakeGraphs(Device device) => (this.device, device.GraphDriver) = (device, this);

    public int Recordings { get; private set; }

    public int Replays { get; private set; }

    public int Living { get; private set; }

    public void Begin()
    {
        this.launches = [];
        this.device.Divert = this.launches.Add;
    }

    public IGraphReplay End()
    {
        (this.device.Divert, this.Recordings, this.Living) = (null, this.Recordings + 1, this.Living + 1);
        return new Replay(this, this.launches!);
    }

    public void Abandon() => this.device.Divert = null;

    private sealed class Replay(FakeGraphs graphs, List<Action> launches) : IGraphReplay
    {
        public void Launch()
        {
            graphs.Replays++;
            launches.ForEach(l => l());
        }

        public void Dispose() => graphs.Living--;
    }
}
