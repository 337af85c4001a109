using System.Runtime.CompilerServices;

namespace DimIlgpu.Kernels;

/// <summary>One lane: 4 bytes read per input and 4 written per element.</summary>
internal readonly struct MixForward(
    Floats x0, Floats x1, Floats x2, Floats x3, Floats k, Floats y,
    int pitch0, int pitch1, int pitch2, int pitch3, int kPitch, int yPitch, int count) : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long row = strip * kPitch;
        TLane sum = TLane.Of(TLane.Read(k, row)) * TLane.Load(x0, (strip * pitch0) + column);
        if (count > 1)
        {
            sum = TLane.Fma(TLane.Of(TLane.Read(k, row + 1)), TLane.Load(x1, (strip * pitch1) + column), sum);
        }

        if (count > 2)
        {
            sum = TLane.Fma(TLane.Of(TLane.Read(k, row + 2)), TLane.Load(x2, (strip * pitch2) + column), sum);
        }

        if (count > 3)
        {
            sum = TLane.Fma(TLane.Of(TLane.Read(k, row + 3)), TLane.Load(x3, (strip * pitch3) + column), sum);
        }

        float clip = TLane.Read(k, row + 4);
        if (clip > 0f)
        {
            sum = TLane.Max(TLane.Min(sum, TLane.Of(clip)), TLane.Of(-clip));
        }

        TLane.Store(y, (strip * yPitch) + column, sum);
    }
}

/// <summary>One lane: the share of one input.</summary>
internal readonly struct MixBackward(
    Floats k, Floats y, Floats dy, Floats dx, int kPitch, int yPitch, int dyPitch, int dxPitch, int input, int add)
    : IStripKernel
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<TLane>(long strip, int column)
        where TLane : unmanaged, ILane<TLane>
    {
        long row = strip * kPitch;
        TLane value = TLane.Of(TLane.Read(k, row + input)) * TLane.Load(dy, (strip * dyPitch) + column);
        float clip = TLane.Read(k, row + 4);
        if (clip > 0f)
        {
            TLane result = TLane.Load(y, (strip * yPitch) + column);
            value = TLane.WhereGreater(TLane.Of(clip), TLane.Max(result, -result), value, TLane.Of(0f));
        }

        long to = (strip * dxPitch) + column;
        TLane.Store(dx, to, add != 0 ? TLane.Load(dx, to) + value : value);
    }
}
