using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>Where an element is among the samples and among the patches.</summary>
internal readonly struct PatchIndex(PatchLayout layout, int samplePitch, int patchPitch)
{
    private readonly int samplePitch = samplePitch;
    private readonly int patchPitch = patchPitch;
    private readonly int frames = layout.Frames;
    private readonly int height = layout.Height;
    private readonly int line = layout.Width * layout.Channels;
    private readonly int temporalPatch = layout.TemporalPatch;
    private readonly int patch = layout.Patch;
    private readonly int run = layout.Patch * layout.Channels;

    /// <summary>Element <paramref name="column"/> of line <paramref name="strip"/> = (sample, frame, row).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Sample(long strip, int column)
    {
        long lines = (long)this.frames * this.height;
        return (strip / lines * this.samplePitch) + (strip % lines * this.line) + column;
    }

    /// <inheritdoc cref="Sample"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Patch(long strip, int column)
    {
        long image = strip / this.height;
        int row = (int)(strip - (image * this.height));
        long sample = image / this.frames;
        int frame = (int)(image - (sample * this.frames));
        int tokenColumn = column / this.run, tokenRow = row / this.patch, tokenFrame = frame / this.temporalPatch;
        long token = (sample * (this.frames / this.temporalPatch)) + tokenFrame;
        token = (token * (this.height / this.patch)) + tokenRow;
        token = (token * (this.line / this.run)) + tokenColumn;
        int inside = ((frame - (tokenFrame * this.temporalPatch)) * this.patch) + row - (tokenRow * this.patch);
        return (token * this.patchPitch) + (inside * this.run) + column - (tokenColumn * this.run);
    }
}

/// <summary>One lane: 4 bytes read and 4 written per element. A strip is one line of one image.</summary>
internal readonly struct PatchesForward(Floats samples, Floats patches, PatchIndex index, int add) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane value = TLane.Load(samples, index.Sample(strip, column));
        long to = index.Patch(strip, column);
        TLane.Store(patches, to, add != 0 ? TLane.Load(patches, to) + value : value);
    }
}

/// <summary>One lane: 4 bytes read and 4 written per element. A strip is one line of one image.</summary>
internal readonly struct PatchesInverse(Floats patches, Floats samples, PatchIndex index, int add) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        TLane value = TLane.Load(patches, index.Patch(strip, column));
        long to = index.Sample(strip, column);
        TLane.Store(samples, to, add != 0 ? TLane.Load(samples, to) + value : value);
    }
}
