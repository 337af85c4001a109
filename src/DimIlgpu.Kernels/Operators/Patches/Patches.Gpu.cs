using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a thread moves four adjacent elements of a line, whose place it finds by multiplications.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct PatchesGroups<TStored>(Floats from, Target to, PatchQuads index, int isInverse) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        int thread = (Grid.IdxX * PatchQuads.Threads) + Group.IdxX;
        if (thread >= index.Count)
        {
            return;
        }

        index.Find(thread, out int sample, out int patch);
        TStored value = TStored.Of(from)[isInverse != 0 ? patch : sample];
        to.Put<TStored, FloatQuad>(to.From<TStored, FloatQuad>(0, 0), isInverse != 0 ? sample : patch, value.Value);
    }
}

/// <summary>Where a quad of the samples is in memory, and where among the patches, both counted in quads.</summary>
internal readonly struct PatchQuads
{
    public const int Threads = 256;

    /// <summary>How many quads there are.</summary>
    public readonly int Count;

    private readonly Divisor line, height, frames, patch, temporalPatch, run;
    private readonly int lines, samplePitch, patchPitch, tokenFrames, tokenRows, tokenColumns;

    public PatchQuads(PatchLayout layout, long samples, int samplePitch, int patchPitch)
    {
        this.Count = checked((int)(samples * layout.SampleLength / 4));
        this.line = new(layout.Width * layout.Channels / 4);
        this.height = new(layout.Height);
        this.frames = new(layout.Frames);
        this.patch = new(layout.Patch);
        this.temporalPatch = new(layout.TemporalPatch);
        this.run = new(layout.Patch * layout.Channels / 4);
        this.lines = layout.Frames * layout.Height;
        this.samplePitch = samplePitch / 4;
        this.patchPitch = patchPitch / 4;
        this.tokenFrames = layout.Frames / layout.TemporalPatch;
        this.tokenRows = layout.Height / layout.Patch;
        this.tokenColumns = layout.Width / layout.Patch;
    }

    /// <summary>Whether the elements that one thread moves are adjacent in both, and every place fits an int.</summary>
    public static bool Fit(Device device, Tensor samples, Tensor patches, PatchLayout layout) =>
        Stored.IsQuad(device, samples, patches) && layout.Patch * layout.Channels % 4 == 0
        && samples.Rows * samples.Pitch <= int.MaxValue && patches.Rows * patches.Pitch <= int.MaxValue;

    public void Find(int quad, out int atSample, out int atPatch)
    {
        int row = this.line.Quotient(quad), column = quad - (row * this.line.Value);
        int image = this.height.Quotient(row), y = row - (image * this.height.Value);
        int sample = this.frames.Quotient(image), frame = image - (sample * this.frames.Value);
        int tokenRow = this.patch.Quotient(y), tokenFrame = this.temporalPatch.Quotient(frame), tokenColumn = this.run.Quotient(column);
        int token = (((((sample * this.tokenFrames) + tokenFrame) * this.tokenRows) + tokenRow) * this.tokenColumns) + tokenColumn;
        int inside = ((frame - (tokenFrame * this.temporalPatch.Value)) * this.patch.Value) + y - (tokenRow * this.patch.Value);
        atSample = (sample * this.samplePitch) + ((row - (sample * this.lines)) * this.line.Value) + column;
        atPatch = (token * this.patchPitch) + (inside * this.run.Value) + column - (tokenColumn * this.run.Value);
    }
}
