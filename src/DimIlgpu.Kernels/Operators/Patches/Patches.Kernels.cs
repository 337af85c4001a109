using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>Where a line (sample, frame, row) is among the samples and among the patches.</summary>
internal readonly struct PatchIndex(PatchLayout layout, int samplePitch, int patchPitch)
{
    private readonly int samplePitch = samplePitch;
    private readonly int patchPitch = patchPitch;
    private readonly int frames = layout.Frames;
    private readonly int height = layout.Height;
    private readonly int temporalPatch = layout.TemporalPatch;
    private readonly int patch = layout.Patch;
    private readonly int run = layout.Patch * layout.Channels;

    /// <summary>Elements of a line.</summary>
    public readonly int Line = layout.Width * layout.Channels;

    /// <summary>The first element among the samples.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Sample(long row)
    {
        long lines = (long)this.frames * this.height;
        return (row / lines * this.samplePitch) + (row % lines * this.Line);
    }

    /// <summary>The first element among the patches.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Patch(long row)
    {
        long image = row / this.height;
        int y = (int)(row - (image * this.height));
        long sample = image / this.frames;
        int frame = (int)(image - (sample * this.frames));
        int tokenRow = y / this.patch, tokenFrame = frame / this.temporalPatch;
        long token = (sample * (this.frames / this.temporalPatch)) + tokenFrame;
        token = ((token * (this.height / this.patch)) + tokenRow) * (this.Line / this.run);
        int inside = ((frame - (tokenFrame * this.temporalPatch)) * this.patch) + y - (tokenRow * this.patch);
        return (token * this.patchPitch) + (inside * this.run);
    }

    /// <summary>How far element <paramref name="column"/> of a line is from its first among the patches.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long Patch(int column)
    {
        int token = (int)((uint)column / (uint)this.run);
        return ((long)token * this.patchPitch) + column - (token * this.run);
    }
}

/// <summary>4 bytes read and 4 written per element. A line at a time, so that the divisions that find it are few.</summary>
internal readonly struct PatchesForward(Floats samples, Floats patches, PatchIndex index, int add) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long from = index.Sample(row), first = index.Patch(row);
        for (int c = TPlatform.Rank * TLane.Count; c < index.Line; c += TPlatform.Size * TLane.Count)
        {
            TLane value = TLane.Load(samples, from + c);
            long to = first + index.Patch(c);
            TLane.Store(patches, to, add != 0 ? TLane.Load(patches, to) + value : value);
        }
    }
}

/// <summary>4 bytes read and 4 written per element. A line at a time.</summary>
internal readonly struct PatchesInverse(Floats patches, Floats samples, PatchIndex index, int add) : IRowKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TPlatform, TLane>(long row)
        where TPlatform : struct, IPlatform
        where TLane : unmanaged, ILane<TLane>
    {
        long first = index.Patch(row), to = index.Sample(row);
        for (int c = TPlatform.Rank * TLane.Count; c < index.Line; c += TPlatform.Size * TLane.Count)
        {
            TLane value = TLane.Load(patches, first + index.Patch(c));
            TLane.Store(samples, to + c, add != 0 ? TLane.Load(samples, to + c) + value : value);
        }
    }
}
