namespace DimIlgpu.Kernels;

/// <summary>GPU: <see cref="AddTableForward"/> as <see cref="QuadMap"/> lays it out.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct AddTableForwardGroups<TStored>(
    Floats x, Floats table, Floats y, int xPitch, int tablePitch, int yPitch, Divisor tokens, QuadMap map) : IQuadMap<TwoQuads<TStored>>
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => map.Run<AddTableForwardGroups<TStored>, TwoQuads<TStored>>(this);

    public TwoQuads<TStored> Load(QuadIndex at) =>
        new(at.Read(TStored.Of(x), xPitch), at.Read(TStored.Of(table), tablePitch, tokens.Remainder(at.Row)));

    public void Store(QuadIndex at, TwoQuads<TStored> loaded) =>
        at.Write(TStored.Of(y), yPitch, TStored.From(loaded.A.Value + loaded.B.Value));
}
