namespace DimIlgpu.Kernels;

/// <summary>GPU: <see cref="MixForward"/> of float32 tensors as <see cref="QuadMap"/> lays it out.</summary>
internal readonly struct MixForwardGroups(
    Floats x0, Floats x1, Floats x2, Floats x3, Floats k, Floats y,
    int pitch0, int pitch1, int pitch2, int pitch3, int kPitch, int yPitch, int count, QuadMap map) : IQuadMap<MixQuads>
{
    public static int Rows => 2;

    public static int GroupsPerProcessor => 4;

    public void Execute<TPlatform>()
        where TPlatform : struct, IPlatform => map.Run<MixForwardGroups, MixQuads>(this);

    public MixQuads Load(QuadIndex at)
    {
        FloatQuad a = at.Read(FloatQuad.Of(x0), pitch0), b = default, c = default, d = default;
        if (count > 1)
        {
            b = at.Read(FloatQuad.Of(x1), pitch1);
        }

        if (count > 2)
        {
            c = at.Read(FloatQuad.Of(x2), pitch2);
            if (count > 3)
            {
                d = at.Read(FloatQuad.Of(x3), pitch3);
            }
        }

        long row = (long)at.Row * kPitch;
        return new(a, b, c, d, new(k.View[row], k.View[row + 1], k.View[row + 2], k.View[row + 3]), k.View[row + 4]);
    }

    public void Store(QuadIndex at, MixQuads loaded)
    {
        FloatQuad sum = loaded.K.X * loaded.A;
        if (count > 1)
        {
            sum = FloatQuad.Fma(loaded.K.Y, loaded.B, sum);
        }

        if (count > 2)
        {
            sum = FloatQuad.Fma(loaded.K.Z, loaded.C, sum);
            if (count > 3)
            {
                sum = FloatQuad.Fma(loaded.K.W, loaded.D, sum);
            }
        }

        at.Write(FloatQuad.Of(y), yPitch, loaded.Clip > 0f ? FloatQuad.Clamp(sum, loaded.Clip) : sum);
    }
}

/// <summary>Four elements of each input, and the coefficients of their row.</summary>
internal readonly struct MixQuads(FloatQuad a, FloatQuad b, FloatQuad c, FloatQuad d, FloatQuad k, float clip)
{
    public readonly FloatQuad A = a, B = b, C = c, D = d, K = k;
    public readonly float Clip = clip;
}
