namespace DimIlgpu.Model.Data;

/// <summary>Samples of equal length as bytes, in chunks that are allocated only as samples come.</summary>
internal sealed class ByteSamples(int count, int length)
{
    // Below the large object heap for small samples; a large sample is a chunk of its own.
    private const int ChunkBytes = 1 << 16;
    private static readonly float[] ToPixel = [.. Enumerable.Range(0, 256).Select(static value => (value / 127.5f) - 1)];
    private readonly int perChunk = Math.Max(1, Math.Min(count, ChunkBytes / length));
    private readonly List<byte[]> chunks = [];

    public int Count { get; } = count;

    public int Length { get; } = length;

    /// <summary>The bytes of a sample, to be filled in order.</summary>
    public Span<byte> Add(int index)
    {
        if (index / this.perChunk == this.chunks.Count)
        {
            int samples = Math.Min(this.perChunk, this.Count - index);
            this.chunks.Add(new byte[samples * this.Length]);
        }

        return this[index];
    }

    /// <summary>Allocates every sample, to be filled in any order.</summary>
    public void AddAll()
    {
        for (int index = 0; index < this.Count; index += this.perChunk)
        {
            this.Add(index);
        }
    }

    public Span<byte> this[int index] => this.chunks[index / this.perChunk].AsSpan(index % this.perChunk * this.Length, this.Length);

    /// <summary>value / 127.5 − 1, which takes 0 to −1 and 255 to 1.</summary>
    public static void ToPixels(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            values[i] = ToPixel[bytes[i]];
        }
    }
}
