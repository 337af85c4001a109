using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>What the CPU reads; a row of zeros stands for what is not there.</summary>
internal readonly unsafe struct CausalRows(
    Floats x, Floats weight, Floats bias, Floats zeros, int xPitch, int channels, int width, int length, long rows)
{
    public readonly int Channels = channels;
    public readonly int Length = length;
    public readonly int Width = width;
    public readonly int Pitch = xPitch;
    public readonly long Rows = rows;

    public float* Zeros => (float*)zeros.Address;

    /// <summary>Token t of a sample, whose first row is given; zeros before the first and after the last.</summary>
    public float* Token(long sample, int t) =>
        t < 0 || t >= this.Length ? this.Zeros : this.Place(sample, t);

    /// <summary>Where token t would stand, be it there or not.</summary>
    public float* Place(long sample, int t) => (float*)x.Address + ((sample + t) * this.Pitch);

    /// <summary>A tap's row; the first taps of a narrower filter are zeros.</summary>
    public float* Tap(int direction, int tap)
    {
        int k = tap + this.Width - 4;
        return k < 0 ? this.Zeros : (float*)weight.Address + ((long)((direction * this.Width) + k) * this.Channels);
    }

    public float* Bias(int direction) => (float*)bias.Address + (direction * this.Channels);
}

/// <summary>CPU: two tokens at a time in both directions, row by row of memory.</summary>
/// <remarks>
/// The processor's own prefetcher loses its way at each gap between two rows of x, and stores between the loads make it
/// worse: rows are asked for some tokens ahead, and the lines that the next tokens' results go to before those are stored.
/// In blocks of columns the taps of both directions stay in the first cache.
/// </remarks>
internal readonly unsafe struct CausalConvolutionForwardTiles(CausalRows rows, Floats u, int uPitch) : ITileKernel
{
    private const int Tokens = 16, Block = 384, Ahead = 8;

    /// <summary>Tiles of a sample.</summary>
    public int Tiles => (rows.Length + Tokens - 1) / Tokens;

    public void Execute<TLane>(long tile, int thread)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        long sample = tile / this.Tiles * rows.Length;
        int begin = (int)(tile % this.Tiles) * Tokens, end = Math.Min(begin + Tokens, rows.Length);
        for (int c = 0; c < rows.Channels; c += Block)
        {
            int last = Math.Min(c + Block, rows.Channels);
            for (int t = begin; t < end; t += 2)
            {
                this.Pair<TLane>(sample, t, c, last);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Pair<TLane>(long sample, int t, int c, int end)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        float* r0 = rows.Token(sample, t - 3), r1 = rows.Token(sample, t - 2), r2 = rows.Token(sample, t - 1);
        float* r3 = rows.Token(sample, t), r4 = rows.Token(sample, t + 1), r5 = rows.Token(sample, t + 2);
        float* r6 = rows.Token(sample, t + 3), r7 = rows.Token(sample, t + 4);
        float* near = rows.Place(sample, t + Ahead), far = rows.Place(sample, t + Ahead + 1);
        float* f0 = rows.Tap(0, 0), f1 = rows.Tap(0, 1), f2 = rows.Tap(0, 2), f3 = rows.Tap(0, 3), fBias = rows.Bias(0);
        float* b0 = rows.Tap(1, 0), b1 = rows.Tap(1, 1), b2 = rows.Tap(1, 2), b3 = rows.Tap(1, 3), bBias = rows.Bias(1);
        float* f = (float*)u.Address + ((sample + t) * uPitch), b = f + (rows.Rows * uPitch);

        // The last token of an odd number is written over what stands for the one after it.
        int next = t + 1 < rows.Length ? uPitch : 0;
        for (; c < end; c += TLane.Count)
        {
            CpuLaneMath.PrefetchNear(near + c);
            CpuLaneMath.PrefetchNear(far + c);
            CpuLaneMath.PrefetchNear(f + (2 * uPitch) + c);
            CpuLaneMath.PrefetchNear(f + (3 * uPitch) + c);
            CpuLaneMath.PrefetchNear(b + (2 * uPitch) + c);
            CpuLaneMath.PrefetchNear(b + (3 * uPitch) + c);
            TLane x1 = TLane.LoadFrom(r1 + c), x2 = TLane.LoadFrom(r2 + c), x3 = TLane.LoadFrom(r3 + c), x4 = TLane.LoadFrom(r4 + c);
            TLane x5 = TLane.LoadFrom(r5 + c), x6 = TLane.LoadFrom(r6 + c);
            TLane w0 = TLane.LoadFrom(f0 + c), w1 = TLane.LoadFrom(f1 + c), w2 = TLane.LoadFrom(f2 + c), w3 = TLane.LoadFrom(f3 + c);
            TLane bias = TLane.LoadFrom(fBias + c);
            Quad<TLane> a = default;
            a.X = CausalTap.Sum(bias, w0, w1, w2, w3, TLane.LoadFrom(r0 + c), x1, x2, x3);
            a.Y = CausalTap.Sum(bias, w0, w1, w2, w3, x1, x2, x3, x4);
            w0 = TLane.LoadFrom(b0 + c);
            w1 = TLane.LoadFrom(b1 + c);
            w2 = TLane.LoadFrom(b2 + c);
            w3 = TLane.LoadFrom(b3 + c);
            bias = TLane.LoadFrom(bBias + c);
            a.Z = CausalTap.Sum(bias, w0, w1, w2, w3, x6, x5, x4, x3);
            a.W = CausalTap.Sum(bias, w0, w1, w2, w3, TLane.LoadFrom(r7 + c), x6, x5, x4);
            a = CpuLaneMath.Silu(a);
            TLane.StoreTo(f + next + c, a.Y);
            TLane.StoreTo(f + c, a.X);
            TLane.StoreTo(b + next + c, a.W);
            TLane.StoreTo(b + c, a.Z);
        }
    }
}
