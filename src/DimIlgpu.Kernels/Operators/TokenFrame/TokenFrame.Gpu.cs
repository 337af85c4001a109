namespace DimIlgpu.Kernels;

/// <summary>GPU: <see cref="TokenFrameJoin"/> as <see cref="QuadMap"/> lays it out.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct TokenFrameJoinGroups<TStored>(
    Floats x, Floats condition, Floats y, int xPitch, int conditionPitch, int yPitch, int tokens, int count, Divisor length, QuadMap map)
    : IQuadMap<TStored>
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => map.Run<TokenFrameJoinGroups<TStored>, TStored>(this);

    public TStored Load(QuadIndex at)
    {
        int sample = length.Quotient(at.Row), token = at.Row - (sample * length.Value) - count;
        bool isInside = token >= 0 && token < tokens;
        return isInside
            ? at.Read(TStored.Of(x), xPitch, (sample * tokens) + token)
            : at.Read(TStored.Of(condition), conditionPitch, (sample * count) + (token < 0 ? token + count : token - tokens));
    }

    public void Store(QuadIndex at, TStored loaded) => at.Write(TStored.Of(y), yPitch, loaded);
}

/// <summary>GPU: <see cref="TokenFrameDrop"/> as <see cref="QuadMap"/> lays it out.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct TokenFrameDropGroups<TStored>(Floats x, Target y, int xPitch, int count, Divisor tokens, QuadMap map)
    : IQuadMap<TwoQuads<TStored>>
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => map.Run<TokenFrameDropGroups<TStored>, TwoQuads<TStored>>(this);

    public TwoQuads<TStored> Load(QuadIndex at) =>
        new(at.Read(TStored.Of(x), xPitch, at.Row + (((2 * tokens.Quotient(at.Row)) + 1) * count)), y.Before<TStored>(at));

    public void Store(QuadIndex at, TwoQuads<TStored> loaded) => y.Put(at, loaded.B, loaded.A.Value);
}
