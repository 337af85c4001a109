using ILGPU;

namespace DimIlgpu.Kernels;

/// <summary>GPU: a thread has four columns of two adjacent rows, all on their way at once.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct SumGateForwardGroups<TStored>(
    Floats y, Floats z, Floats g, int yPitch, int zPitch, int gPitch, int columns, long rows, float factor) : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        RowPair place = new(columns, rows);
        if (place.Column >= columns)
        {
            return;
        }

        ArrayView<TStored> forward = place.Of<TStored>(y, yPitch, 0), backward = place.Of<TStored>(y, yPitch, rows);
        ArrayView<TStored> gates = place.Of<TStored>(z, zPitch, 0), to = place.Of<TStored>(g, gPitch, 0);
        int yNext = place.Next(yPitch), zNext = place.Next(zPitch);
        TStored f0 = forward[0], f1 = forward[yNext], b0 = backward[0], b1 = backward[yNext], z0 = gates[0], z1 = gates[zNext];
        to[0] = TStored.From(this.Gated(f0.Value + b0.Value, z0.Value));
        if (place.HasNext)
        {
            to[gPitch / 4] = TStored.From(this.Gated(f1.Value + b1.Value, z1.Value));
        }
    }

    private FloatQuad Gated(FloatQuad sum, FloatQuad z) => (factor * sum) * (z * FloatQuad.Sigmoid(z));
}

/// <summary>GPU: the same of the backward pass.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct SumGateBackwardGroups<TStored>(
    Floats y, Floats z, Floats dg, Target dy, Target dz, int yPitch, int zPitch, int dgPitch, int columns, long rows, float factor)
    : IGroupKernel
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform
    {
        RowPair place = new(columns, rows);
        if (place.Column >= columns)
        {
            return;
        }

        ArrayView<TStored> forward = place.Of<TStored>(y, yPitch, 0), backward = place.Of<TStored>(y, yPitch, rows);
        ArrayView<TStored> gates = place.Of<TStored>(z, zPitch, 0), seeds = place.Of<TStored>(dg, dgPitch, 0);
        int yNext = place.Next(yPitch), zNext = place.Next(zPitch), dgNext = place.Next(dgPitch);
        TStored f0 = forward[0], f1 = forward[yNext], b0 = backward[0], b1 = backward[yNext];
        TStored z0 = gates[0], z1 = gates[zNext], d0 = seeds[0], d1 = seeds[dgNext];
        this.Put(place.Row, place.Column, f0.Value + b0.Value, z0.Value, factor * d0.Value);
        if (place.HasNext)
        {
            this.Put(place.Row + 1, place.Column, f1.Value + b1.Value, z1.Value, factor * d1.Value);
        }
    }

    private void Put(long row, int column, FloatQuad sum, FloatQuad z, FloatQuad d)
    {
        FloatQuad sigmoid = FloatQuad.Sigmoid(z), silu = z * sigmoid;
        FloatQuad direction = d * silu, slope = FloatQuad.Fma(silu, FloatQuad.Of(1f) - sigmoid, sigmoid);
        dy.Put<TStored, FloatQuad>(dy.From<TStored, FloatQuad>(row, column), 0, direction);
        dy.Put<TStored, FloatQuad>(dy.From<TStored, FloatQuad>(rows + row, column), 0, direction);
        dz.Put<TStored, FloatQuad>(dz.From<TStored, FloatQuad>(row, column), 0, (d * sum) * slope);
    }
}
