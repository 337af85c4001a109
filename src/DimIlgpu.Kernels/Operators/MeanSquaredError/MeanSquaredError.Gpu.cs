namespace DimIlgpu.Kernels;

/// <summary>GPU: <see cref="MeanSquaredErrorForward"/> of float32 tensors as <see cref="RowTotal"/> lays it out.</summary>
internal readonly struct MeanSquaredErrorForwardGroups(Floats x, Floats target, int xPitch, int targetPitch, RowTotal total)
    : IQuadTerm<TwoQuads<FloatQuad>>
{
    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => total.Run<TPlatform, MeanSquaredErrorForwardGroups, TwoQuads<FloatQuad>>(this);

    public TwoQuads<FloatQuad> Load(QuadIndex at) => new(at.Read(FloatQuad.Of(x), xPitch), at.Read(FloatQuad.Of(target), targetPitch));

    public float Term(QuadIndex at, TwoQuads<FloatQuad> loaded)
    {
        FloatQuad difference = loaded.A - loaded.B;
        return FloatQuad.Dot(difference, difference);
    }
}

/// <summary>GPU: <see cref="MeanSquaredErrorBackward"/> of float32 tensors as <see cref="QuadMap"/> lays it out.</summary>
internal readonly struct MeanSquaredErrorBackwardGroups(
    Floats x, Floats target, Floats dloss, Target dx, int xPitch, int targetPitch, float factor, QuadMap map)
    : IQuadMap<MeanSquaredErrorQuads>
{
    public static int Rows => 2;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => map.Run<MeanSquaredErrorBackwardGroups, MeanSquaredErrorQuads>(this);

    public MeanSquaredErrorQuads Load(QuadIndex at) =>
        new(at.Read(FloatQuad.Of(x), xPitch), at.Read(FloatQuad.Of(target), targetPitch), dx.Before<FloatQuad>(at), dloss.View[at.Row]);

    public void Store(QuadIndex at, MeanSquaredErrorQuads loaded) =>
        dx.Put(at, loaded.Before, (loaded.Seed * factor) * (loaded.X - loaded.Target));
}

/// <summary>Four elements, what was wanted of them, what their gradient adds to, and the gradient of their row's loss.</summary>
internal readonly struct MeanSquaredErrorQuads(FloatQuad x, FloatQuad target, FloatQuad before, float seed)
{
    public readonly FloatQuad X = x, Target = target, Before = before;
    public readonly float Seed = seed;
}
