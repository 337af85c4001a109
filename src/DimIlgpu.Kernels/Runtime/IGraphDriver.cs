namespace DimIlgpu.Kernels;

/// <summary>How a device records launches and replays them.</summary>
internal interface IGraphDriver
{
    /// <summary>From now on what is launched is recorded, and does not run.</summary>
    void Begin();

    /// <summary>Ends the recording; what was recorded.</summary>
    IGraphReplay End();

    /// <summary>Ends the recording and forgets it.</summary>
    void Abandon();
}

/// <summary>Launches that were recorded; disposed once none of its replays runs any more.</summary>
internal interface IGraphReplay : IDisposable
{
    /// <summary>Launches everything anew, with the same arguments.</summary>
    void Launch();
}
