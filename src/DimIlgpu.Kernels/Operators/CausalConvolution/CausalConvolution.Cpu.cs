using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>What the CPU reads; a row of zeros stands for what is not there.</summary>
internal readonly unsafe struct CausalRows(
    Floats x, Floats weight, Floats bias, Floats zeros, int xPitch, int channels, int width, int length, long rows)
{
    public readonly int Channels = channels;
    public readonly int Length = length;
    public readonly long Rows = rows;

    /// <summary>Token t of a sample, whose first row is given; zeros before the first and after the last.</summary>
    public float* Token(long sample, int t) =>
        t < 0 || t >= this.Length ? (float*)zeros.Address : (float*)x.Address + ((sample + t) * xPitch);

    /// <summary>A tap's row; the first taps of a narrower filter are zeros.</summary>
    public float* Tap(int direction, int tap)
    {
        int k = tap + width - 4;
        return k < 0 ? (float*)zeros.Address : (float*)weight.Address + ((long)((direction * width) + k) * this.Channels);
    }

    public float* Bias(int direction) => (float*)bias.Address + (direction * this.Channels);
}

/// <summary>CPU: four tokens at a time, row by row of memory.</summary>
/// <remarks>The backward direction is the forward one over descending tokens.</remarks>
internal readonly unsafe struct CausalConvolutionForwardTiles(CausalRows rows, Floats u, int uPitch) : ITileKernel
{
    public const int Tokens = 4;

    /// <summary>Fours of a sample.</summary>
    public int Fours => (rows.Length + Tokens - 1) / Tokens;

    public void Execute<TLane>(long tile, int worker)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        long sample = tile / this.Fours * rows.Length;
        int begin = (int)(tile % this.Fours) * Tokens, count = Math.Min(Tokens, rows.Length - begin);
        this.Run<TLane>(0, sample, begin, count, 1);
        this.Run<TLane>(1, sample, begin + count - 1, count, -1);
    }

    // A method for one direction: the JIT does not inline all of both.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Run<TLane>(int direction, long sample, int t, int count, int step)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        float* r0 = rows.Token(sample, t - (3 * step)), r1 = rows.Token(sample, t - (2 * step)), r2 = rows.Token(sample, t - step);
        float* r3 = rows.Token(sample, t), r4 = rows.Token(sample, t + step), r5 = rows.Token(sample, t + (2 * step));
        float* r6 = rows.Token(sample, t + (3 * step)), bias = rows.Bias(direction);
        float* tap0 = rows.Tap(direction, 0), tap1 = rows.Tap(direction, 1), tap2 = rows.Tap(direction, 2), tap3 = rows.Tap(direction, 3);
        float* to = (float*)u.Address + (((direction * rows.Rows) + sample + t) * uPitch);
        long pitch = (long)step * uPitch;
        int channels = rows.Channels;
        for (int c = 0; c < channels; c += TLane.Count, to += TLane.Count)
        {
            TLane w0 = TLane.LoadFrom(tap0 + c), w1 = TLane.LoadFrom(tap1 + c), w2 = TLane.LoadFrom(tap2 + c), w3 = TLane.LoadFrom(tap3 + c);
            TLane b = TLane.LoadFrom(bias + c), x1 = TLane.LoadFrom(r1 + c), x2 = TLane.LoadFrom(r2 + c), x3 = TLane.LoadFrom(r3 + c);
            TLane x4 = TLane.LoadFrom(r4 + c), x5 = TLane.LoadFrom(r5 + c);
            TLane a0 = CausalTap.Sum(b, w0, w1, w2, w3, TLane.LoadFrom(r0 + c), x1, x2, x3);
            TLane a1 = CausalTap.Sum(b, w0, w1, w2, w3, x1, x2, x3, x4);
            TLane a2 = CausalTap.Sum(b, w0, w1, w2, w3, x2, x3, x4, x5);
            TLane a3 = CausalTap.Sum(b, w0, w1, w2, w3, x3, x4, x5, TLane.LoadFrom(r6 + c));
            TLane.StoreTo(to, LaneMath.Silu(a0));
            if (count > 1)
            {
                TLane.StoreTo(to + pitch, LaneMath.Silu(a1));
            }

            if (count > 2)
            {
                TLane.StoreTo(to + (2 * pitch), LaneMath.Silu(a2));
            }

            if (count > 3)
            {
                TLane.StoreTo(to + (3 * pitch), LaneMath.Silu(a3));
            }
        }
    }
}
