namespace DimIlgpu.Kernels;

/// <summary>GPU: the formulas of <see cref="GeluForward"/> with one special function for the exponential and one for the division.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct GeluForwardGroups<TStored>(Floats x, Floats y, int xPitch, int yPitch, QuadMap map) : IQuadMap<TStored>
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => map.Run<GeluForwardGroups<TStored>, TStored>(this);

    public TStored Load(QuadIndex at) => at.Read(TStored.Of(x), xPitch);

    public void Store(QuadIndex at, TStored loaded)
    {
        FloatQuad v = loaded.Value;
        at.Write(TStored.Of(y), yPitch, TStored.From(v * GeluQuad.Sigmoid(v)));
    }
}

/// <summary>GPU: the formulas of <see cref="GeluBackward"/>.</summary>
[KernelInstance(typeof(FloatQuad))]
[KernelInstance(typeof(NarrowQuad))]
internal readonly struct GeluBackwardGroups<TStored>(Floats x, Floats dy, Target dx, int xPitch, int dyPitch, QuadMap map)
    : IQuadMap<ThreeQuads<TStored>>
    where TStored : unmanaged, IStored<TStored, FloatQuad>
{
    public static int GroupsPerProcessor => 4;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => map.Run<GeluBackwardGroups<TStored>, ThreeQuads<TStored>>(this);

    public ThreeQuads<TStored> Load(QuadIndex at) =>
        new(at.Read(TStored.Of(x), xPitch), at.Read(TStored.Of(dy), dyPitch), dx.Before<TStored>(at));

    public void Store(QuadIndex at, ThreeQuads<TStored> loaded)
    {
        FloatQuad v = loaded.A.Value, s = GeluQuad.Sigmoid(v);
        FloatQuad slope = FloatQuad.Fma(3f * GeluForward.Cubic, v * v, FloatQuad.Of(GeluForward.Linear));
        dx.Put(at, loaded.C, loaded.B.Value * FloatQuad.Fma(v * slope, s - (s * s), s));
    }
}

/// <summary>What both passes share.</summary>
internal static class GeluQuad
{
    /// <summary>σ(2a), whose exponent has log₂ e in its factors.</summary>
    public static FloatQuad Sigmoid(FloatQuad v)
    {
        FloatQuad exponent = v * FloatQuad.Fma(
            -SpecialFunctions.LogTwoE * GeluForward.Cubic, v * v, FloatQuad.Of(-SpecialFunctions.LogTwoE * GeluForward.Linear));
        return new(Sigmoid(exponent.X), Sigmoid(exponent.Y), Sigmoid(exponent.Z), Sigmoid(exponent.W));
    }

    private static float Sigmoid(float exponent) => SpecialFunctions.Reciprocal(1f + SpecialFunctions.Exp2(exponent));
}
