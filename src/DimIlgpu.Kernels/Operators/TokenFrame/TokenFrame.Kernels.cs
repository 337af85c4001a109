using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>A strip is one row of the output: 4 bytes read and 4 written per element.</summary>
internal readonly struct TokenFrameJoin(
    Floats x, Floats condition, Floats y, int xPitch, int conditionPitch, int yPitch, long tokens, int count) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long length = tokens + (2L * count);
        long sample = strip / length;
        long token = strip - (sample * length) - count;
        TLane value;
        if (token >= 0 && token < tokens)
        {
            value = TLane.Load(x, (((sample * tokens) + token) * xPitch) + column);
        }
        else
        {
            long end = token < 0 ? token + count : token - tokens;
            value = TLane.Load(condition, (((sample * count) + end) * conditionPitch) + column);
        }

        TLane.Store(y, (strip * yPitch) + column, value);
    }
}

/// <summary>A strip is one row of the output: 4 bytes read and 4 written per element.</summary>
internal readonly struct TokenFrameDrop(Floats x, Floats y, int xPitch, int yPitch, long tokens, int count, int add)
    : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        // Each sample before this one has 2k more rows in x, and this one k.
        long from = strip + (((2 * (strip / tokens)) + 1) * count);
        TLane value = TLane.Load(x, (from * xPitch) + column);
        long to = (strip * yPitch) + column;
        TLane.Store(y, to, add != 0 ? TLane.Load(y, to) + value : value);
    }
}

/// <summary>A strip is one condition token: the sum of its two places.</summary>
internal readonly struct TokenFrameEnds(
    Floats dy, Floats dcondition, int dyPitch, int conditionPitch, long tokens, int count, int add) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long sample = strip / count;
        long first = strip + (sample * (tokens + count));
        TLane value = TLane.Load(dy, (first * dyPitch) + column) + TLane.Load(dy, ((first + count + tokens) * dyPitch) + column);
        long to = (strip * conditionPitch) + column;
        TLane.Store(dcondition, to, add != 0 ? TLane.Load(dcondition, to) + value : value);
    }
}

/// <summary>A strip is one row of the framed gradient.</summary>
internal readonly struct TokenFramePad(Floats dy, Floats dx, int dyPitch, int dxPitch, long tokens, int count, int add)
    : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long length = tokens + (2L * count);
        long sample = strip / length;
        long token = strip - (sample * length) - count;
        long to = (strip * dxPitch) + column;
        if (token >= 0 && token < tokens)
        {
            TLane value = TLane.Load(dy, (((sample * tokens) + token) * dyPitch) + column);
            TLane.Store(dx, to, add != 0 ? TLane.Load(dx, to) + value : value);
        }
        else if (add == 0)
        {
            TLane.Store(dx, to, TLane.Of(0f));
        }
    }
}
