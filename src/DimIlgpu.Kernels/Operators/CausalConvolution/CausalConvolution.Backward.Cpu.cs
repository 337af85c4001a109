using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>CPU: the backward pass; a tile is a strip, a chunk of one sample's tokens, and a block of its columns.</summary>
/// <remarks>
/// <para>
/// It walks along rows, as memory likes best, four tokens at a time, so that eight slopes are computed side by side. Step i
/// knows x of tokens i − 3 … i, which both the forward direction's output i and the backward direction's output i − 3 were
/// computed from, and both add to dx of just these tokens; with them dx of token i − 3 is complete.
/// </para>
/// <para>
/// What a thread keeps of a block stays in the first cache. A strip counts the outputs of its steps; the steps before are
/// those of the strip before it, and only bring what dx lacks.
/// </para>
/// </remarks>
internal readonly unsafe struct CausalConvolutionBackwardTiles(
    CausalRows rows, Floats du, int duPitch, Target dx, Floats partial, int chunk, Tensor scratch) : ITileKernel
{
    // Rows of a thread's memory are not a power of two apart, for such share few places of the first cache.
    private const int Block = 256, Pitch = Block + 16;

    // Rows of a thread's memory: taps and biases, their gradients, what is known of dx of three tokens, gradients of four
    // outputs of each direction, and what nobody reads.
    private const int Taps = 0, Biases = 8 * Pitch, Sums = 10 * Pitch, Known = 20 * Pitch, Forward = 23 * Pitch, Backward = 27 * Pitch, Spare = 31 * Pitch;

    private readonly Floats scratch = scratch.Memory;
    private readonly int scratchPitch = scratch.Pitch;

    /// <summary>Floats that a thread needs.</summary>
    public static int ScratchLength => 32 * Pitch;

    /// <summary>Tiles of a strip.</summary>
    public int Blocks => (rows.Channels + Block - 1) / Block;

    /// <summary>Tokens of a strip: few strips, whose sums are to be added up, but enough for any number of threads.</summary>
    public static int Chunk(int length, long rows) => (int)Math.Min(length, Math.Clamp(rows / 256 * 4, 32, 256));

    public void Execute<TLane>(long tile, int thread)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        int chunks = (rows.Length + chunk - 1) / chunk;
        long strip = tile / this.Blocks, sample = strip / chunks * rows.Length;
        int column = (int)(tile % this.Blocks) * Block, columns = Math.Min(Block, rows.Channels - column);
        int begin = (int)(strip % chunks) * chunk, end = Math.Min(begin + chunk, rows.Length);
        float* own = (float*)this.scratch.Address + ((long)thread * this.scratchPitch);
        for (int row = 0; row < 10; row++)
        {
            float* from = row < 8 ? rows.Tap(row / 4, row % 4) : rows.Bias(row - 8);
            new Span<float>(from + column, columns).CopyTo(new(own + Taps + (row * Pitch), columns));
        }

        new Span<float>(own + Sums, 13 * Pitch).Clear();
        for (int i = begin - 1; i < end + 3; i += 4)
        {
            this.Slopes<TLane>(own, sample, i, column, columns);
            this.Add<TLane>(own, sample, i, begin, end, column, columns);
            if (i == begin - 1 && begin > 0)
            {
                new Span<float>(own + Sums, 10 * Pitch).Clear();
            }
        }

        float* to = (float*)partial.Address + (strip * 2 * (rows.Width + 1) * rows.Channels) + column;
        for (int row = 0; row < 10; row++)
        {
            int k = (row % 4) + rows.Width - 4;
            if (row >= 8 || k >= 0)
            {
                int at = row >= 8 ? (2 * rows.Width) + row - 8 : (row / 4 * rows.Width) + k;
                new Span<float>(own + Sums + (row * Pitch), columns).CopyTo(new(to + (at * rows.Channels), columns));
            }
        }
    }

    /// <summary>The gradients of the sums that the outputs of steps i … i + 3 are SiLU of.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Slopes<TLane>(float* own, long sample, int i, int column, int columns)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        float* r0 = rows.Token(sample, i - 3) + column, r1 = rows.Token(sample, i - 2) + column, r2 = rows.Token(sample, i - 1) + column;
        float* r3 = rows.Token(sample, i) + column, r4 = rows.Token(sample, i + 1) + column, r5 = rows.Token(sample, i + 2) + column;
        float* r6 = rows.Token(sample, i + 3) + column;
        float* f0 = this.Gradient(sample, i) + column, f1 = this.Gradient(sample, i + 1) + column;
        float* f2 = this.Gradient(sample, i + 2) + column, f3 = this.Gradient(sample, i + 3) + column;
        float* b0 = this.Gradient(sample, i - 3, rows.Rows) + column, b1 = this.Gradient(sample, i - 2, rows.Rows) + column;
        float* b2 = this.Gradient(sample, i - 1, rows.Rows) + column, b3 = this.Gradient(sample, i, rows.Rows) + column;
        float* nextX = rows.Place(sample, i + 4) + column, nextF = (float*)du.Address + ((sample + i + 4) * duPitch) + column;
        float* nextB = nextF + ((rows.Rows - 3) * duPitch);
        float* nextDx = dx.Row(sample + i + 1) + column;
        for (int c = 0; c < columns; c += TLane.Count, own += TLane.Count)
        {
            // What the next four steps read, and where dx of the tokens that they complete goes: a store that misses the caches
            // holds up those behind it.
            Ask(nextX + c, rows.Pitch);
            Ask(nextF + c, duPitch);
            Ask(nextB + c, duPitch);
            Ask(nextDx + c, dx.Pitch);
            TLane x0 = TLane.LoadFrom(r0 + c), x1 = TLane.LoadFrom(r1 + c), x2 = TLane.LoadFrom(r2 + c), x3 = TLane.LoadFrom(r3 + c);
            TLane x4 = TLane.LoadFrom(r4 + c), x5 = TLane.LoadFrom(r5 + c), x6 = TLane.LoadFrom(r6 + c);
            TLane w0 = TLane.LoadFrom(own + Taps), w1 = TLane.LoadFrom(own + Taps + Pitch), w2 = TLane.LoadFrom(own + Taps + (2 * Pitch));
            TLane w3 = TLane.LoadFrom(own + Taps + (3 * Pitch)), bias = TLane.LoadFrom(own + Biases);
            Quad<TLane> a = default;
            a.X = CausalTap.Sum(bias, w0, w1, w2, w3, x0, x1, x2, x3);
            a.Y = CausalTap.Sum(bias, w0, w1, w2, w3, x1, x2, x3, x4);
            a.Z = CausalTap.Sum(bias, w0, w1, w2, w3, x2, x3, x4, x5);
            a.W = CausalTap.Sum(bias, w0, w1, w2, w3, x3, x4, x5, x6);
            a = CpuLaneMath.SiluSlope(a);
            TLane.StoreTo(own + Forward, a.X * TLane.LoadFrom(f0 + c));
            TLane.StoreTo(own + Forward + Pitch, a.Y * TLane.LoadFrom(f1 + c));
            TLane.StoreTo(own + Forward + (2 * Pitch), a.Z * TLane.LoadFrom(f2 + c));
            TLane.StoreTo(own + Forward + (3 * Pitch), a.W * TLane.LoadFrom(f3 + c));
            w0 = TLane.LoadFrom(own + Taps + (4 * Pitch));
            w1 = TLane.LoadFrom(own + Taps + (5 * Pitch));
            w2 = TLane.LoadFrom(own + Taps + (6 * Pitch));
            w3 = TLane.LoadFrom(own + Taps + (7 * Pitch));
            bias = TLane.LoadFrom(own + Biases + Pitch);
            a.X = CausalTap.Sum(bias, w0, w1, w2, w3, x3, x2, x1, x0);
            a.Y = CausalTap.Sum(bias, w0, w1, w2, w3, x4, x3, x2, x1);
            a.Z = CausalTap.Sum(bias, w0, w1, w2, w3, x5, x4, x3, x2);
            a.W = CausalTap.Sum(bias, w0, w1, w2, w3, x6, x5, x4, x3);
            a = CpuLaneMath.SiluSlope(a);
            TLane.StoreTo(own + Backward, a.X * TLane.LoadFrom(b0 + c));
            TLane.StoreTo(own + Backward + Pitch, a.Y * TLane.LoadFrom(b1 + c));
            TLane.StoreTo(own + Backward + (2 * Pitch), a.Z * TLane.LoadFrom(b2 + c));
            TLane.StoreTo(own + Backward + (3 * Pitch), a.W * TLane.LoadFrom(b3 + c));
        }
    }

    /// <summary>Adds what follows from them to dx of tokens i − 3 … i + 3, the first four of which are then complete, and to the sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private void Add<TLane>(float* own, long sample, int i, int begin, int end, int column, int columns)
        where TLane : unmanaged, ICpuLane<TLane>
    {
        float* r0 = rows.Token(sample, i - 3) + column, r1 = rows.Token(sample, i - 2) + column, r2 = rows.Token(sample, i - 1) + column;
        float* r3 = rows.Token(sample, i) + column, r4 = rows.Token(sample, i + 1) + column, r5 = rows.Token(sample, i + 2) + column;
        float* r6 = rows.Token(sample, i + 3) + column, spare = own + Spare;
        bool adds = dx.IsWanted && !dx.IsOverwritten;
        float* to0 = this.Result(sample, i - 3, begin, end, column, spare), to1 = this.Result(sample, i - 2, begin, end, column, spare);
        float* to2 = this.Result(sample, i - 1, begin, end, column, spare), to3 = this.Result(sample, i, begin, end, column, spare);
        for (int c = 0; c < columns; c += TLane.Count, own += TLane.Count)
        {
            TLane x0 = TLane.LoadFrom(r0 + c), x1 = TLane.LoadFrom(r1 + c), x2 = TLane.LoadFrom(r2 + c), x3 = TLane.LoadFrom(r3 + c);
            TLane x4 = TLane.LoadFrom(r4 + c), x5 = TLane.LoadFrom(r5 + c), x6 = TLane.LoadFrom(r6 + c);
            TLane g0 = TLane.LoadFrom(own + Forward), g1 = TLane.LoadFrom(own + Forward + Pitch);
            TLane g2 = TLane.LoadFrom(own + Forward + (2 * Pitch)), g3 = TLane.LoadFrom(own + Forward + (3 * Pitch));
            Count(own + Sums, x0, x1, x2, x3, g0, g1, g2, g3);
            Count(own + Sums + Pitch, x1, x2, x3, x4, g0, g1, g2, g3);
            Count(own + Sums + (2 * Pitch), x2, x3, x4, x5, g0, g1, g2, g3);
            Count(own + Sums + (3 * Pitch), x3, x4, x5, x6, g0, g1, g2, g3);
            TLane.StoreTo(own + Sums + (8 * Pitch), TLane.LoadFrom(own + Sums + (8 * Pitch)) + (g0 + g1 + (g2 + g3)));
            TLane w0 = TLane.LoadFrom(own + Taps), w1 = TLane.LoadFrom(own + Taps + Pitch), w2 = TLane.LoadFrom(own + Taps + (2 * Pitch));
            TLane w3 = TLane.LoadFrom(own + Taps + (3 * Pitch));
            TLane d0 = TLane.Fma(w0, g0, TLane.LoadFrom(own + Known));
            TLane d1 = TLane.Fma(w0, g1, TLane.Fma(w1, g0, TLane.LoadFrom(own + Known + Pitch)));
            TLane d2 = TLane.Fma(w0, g2, TLane.Fma(w1, g1, TLane.Fma(w2, g0, TLane.LoadFrom(own + Known + (2 * Pitch)))));
            TLane d3 = TLane.Fma(w0, g3, TLane.Fma(w1, g2, TLane.Fma(w2, g1, w3 * g0)));
            TLane d4 = TLane.Fma(w1, g3, TLane.Fma(w2, g2, w3 * g1)), d5 = TLane.Fma(w2, g3, w3 * g2), d6 = w3 * g3;
            g0 = TLane.LoadFrom(own + Backward);
            g1 = TLane.LoadFrom(own + Backward + Pitch);
            g2 = TLane.LoadFrom(own + Backward + (2 * Pitch));
            g3 = TLane.LoadFrom(own + Backward + (3 * Pitch));
            Count(own + Sums + (4 * Pitch), x3, x4, x5, x6, g0, g1, g2, g3);
            Count(own + Sums + (5 * Pitch), x2, x3, x4, x5, g0, g1, g2, g3);
            Count(own + Sums + (6 * Pitch), x1, x2, x3, x4, g0, g1, g2, g3);
            Count(own + Sums + (7 * Pitch), x0, x1, x2, x3, g0, g1, g2, g3);
            TLane.StoreTo(own + Sums + (9 * Pitch), TLane.LoadFrom(own + Sums + (9 * Pitch)) + (g0 + g1 + (g2 + g3)));
            w0 = TLane.LoadFrom(own + Taps + (4 * Pitch));
            w1 = TLane.LoadFrom(own + Taps + (5 * Pitch));
            w2 = TLane.LoadFrom(own + Taps + (6 * Pitch));
            w3 = TLane.LoadFrom(own + Taps + (7 * Pitch));
            d0 = TLane.Fma(w3, g0, d0);
            d1 = TLane.Fma(w3, g1, TLane.Fma(w2, g0, d1));
            d2 = TLane.Fma(w3, g2, TLane.Fma(w2, g1, TLane.Fma(w1, g0, d2)));
            d3 = TLane.Fma(w3, g3, TLane.Fma(w2, g2, TLane.Fma(w1, g1, TLane.Fma(w0, g0, d3))));
            TLane.StoreTo(own + Known, TLane.Fma(w2, g3, TLane.Fma(w1, g2, TLane.Fma(w0, g1, d4))));
            TLane.StoreTo(own + Known + Pitch, TLane.Fma(w1, g3, TLane.Fma(w0, g2, d5)));
            TLane.StoreTo(own + Known + (2 * Pitch), TLane.Fma(w0, g3, d6));
            if (adds)
            {
                d0 += TLane.LoadFrom(to0 + c);
                d1 += TLane.LoadFrom(to1 + c);
                d2 += TLane.LoadFrom(to2 + c);
                d3 += TLane.LoadFrom(to3 + c);
            }

            TLane.StoreTo(to0 + c, d0);
            TLane.StoreTo(to1 + c, d1);
            TLane.StoreTo(to2 + c, d2);
            TLane.StoreTo(to3 + c, d3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Count<TLane>(float* sum, TLane x0, TLane x1, TLane x2, TLane x3, TLane g0, TLane g1, TLane g2, TLane g3)
        where TLane : unmanaged, ICpuLane<TLane> =>
        TLane.StoreTo(sum, TLane.Fma(x3, g3, TLane.Fma(x2, g2, TLane.Fma(x1, g1, TLane.Fma(x0, g0, TLane.LoadFrom(sum))))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ask(float* line, long pitch)
    {
        CpuLaneMath.PrefetchNear(line);
        CpuLaneMath.PrefetchNear(line + pitch);
        CpuLaneMath.PrefetchNear(line + (2 * pitch));
        CpuLaneMath.PrefetchNear(line + (3 * pitch));
    }

    /// <summary>An output's gradient; zeros where there is no such token.</summary>
    private float* Gradient(long sample, int t, long first = 0) =>
        (uint)t < (uint)rows.Length ? (float*)du.Address + ((first + sample + t) * duPitch) : rows.Zeros;

    /// <summary>Where dx of a token goes.</summary>
    private float* Result(long sample, int t, int begin, int end, int column, float* spare) =>
        dx.IsWanted && t >= begin && t < end ? dx.Row(sample + t) + column : spare;
}
