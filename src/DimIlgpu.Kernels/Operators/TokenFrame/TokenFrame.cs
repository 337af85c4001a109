namespace DimIlgpu.Kernels;

/// <summary>Frames the tokens of each sample with its condition tokens, and takes the frame off again.</summary>
/// <remarks>
/// <para>
/// With k condition tokens t_b and L tokens x_b a sample: join makes y_b = [t_b; x_b; t_b]. Both directions of the
/// mixer thus meet the condition before the image. dx_b += the middle of dy_b; dt_b += both ends of dy_b.
/// </para>
/// <para>Drop makes y_b = the middle of x_b; dx_b += [0; dy_b; 0].</para>
/// </remarks>
public static class TokenFrame
{
    /// <summary>Puts the condition tokens at both ends of each sample.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Tokens, (B·L, D).</param>
    /// <param name="condition">Condition tokens, (B·k, D).</param>
    /// <param name="y">Output, (B·(L + 2k), D).</param>
    /// <param name="count">k.</param>
    /// <exception cref="ArgumentException">A shape does not match.</exception>
    public static void Join(Device device, Tensor x, Tensor condition, Tensor y, int count)
    {
        Check.NotEmpty(x);
        Check.NotEmpty(condition);
        Check.Divides(count, condition.Rows, nameof(condition));
        long batch = condition.Rows / count;
        Check.Divides(batch, x.Rows, nameof(x));
        Check.Shape(condition, new(condition.Rows, x.Columns));
        Check.Shape(y, new(x.Rows + (2 * condition.Rows), x.Columns));
        if (!QuadMap.Takes(device, y, x, condition))
        {
            device.Strips(
                new TokenFrameJoin(
                    x.Memory, condition.Memory, y.Memory, x.Pitch, condition.Pitch, y.Pitch, x.Rows / batch, count),
                y.Rows, y.Columns);
        }
        else if (x.ElementType == ElementType.BFloat16)
        {
            Groups<NarrowQuad>();
        }
        else
        {
            Groups<FloatQuad>();
        }

        void Groups<TStored>()
            where TStored : unmanaged, IStored<TStored, FloatQuad>
        {
            QuadMap map = QuadMap.Of<TokenFrameJoinGroups<TStored>, TStored>(y);
            map.Launch(device, new TokenFrameJoinGroups<TStored>(
                x.Memory, condition.Memory, y.Memory, x.Pitch, condition.Pitch, y.Pitch, (int)(x.Rows / batch), count,
                new((int)(y.Rows / batch)), map));
        }
    }

    /// <summary>The adjoint of <see cref="Join"/>.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="dy">Gradient of the output, (B·(L + 2k), D).</param>
    /// <param name="dx">Gradient of the tokens, (B·L, D); null where not wanted.</param>
    /// <param name="dcondition">Gradient of the condition tokens, (B·k, D); null where not wanted.</param>
    /// <param name="tokens">L.</param>
    /// <param name="count">k.</param>
    /// <exception cref="ArgumentException">A shape does not match.</exception>
    public static void JoinBackward(Device device, Tensor dy, Sink? dx, Sink? dcondition, long tokens, int count)
    {
        if (dx is { } sink)
        {
            Drop(device, dy, sink, tokens, count);
        }

        if (dcondition is not { } both)
        {
            return;
        }

        Check.Divides(tokens + (2L * count), dy.Rows, nameof(dy));
        Check.Shape(both.Tensor, new(dy.Rows / (tokens + (2L * count)) * count, dy.Columns), nameof(dcondition));
        device.Strips(
            new TokenFrameEnds(
                dy.Memory, both.Tensor.Memory, dy.Pitch, both.Tensor.Pitch, tokens, count, both.Add ? 1 : 0),
            both.Tensor.Rows, dy.Columns);
    }

    /// <summary>Takes the tokens at both ends of each sample away.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="x">Framed tokens, (B·(L + 2k), D).</param>
    /// <param name="y">Receives the tokens, (B·L, D).</param>
    /// <param name="tokens">L.</param>
    /// <param name="count">k.</param>
    /// <exception cref="ArgumentException">A shape does not match.</exception>
    public static void Drop(Device device, Tensor x, Sink y, long tokens, int count)
    {
        Check.NotEmpty(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        Check.Divides(tokens + (2L * count), x.Rows, nameof(x));
        Check.Shape(y.Tensor, new(x.Rows / (tokens + (2L * count)) * tokens, x.Columns), nameof(y));
        if (!QuadMap.Takes(device, x, y.Tensor))
        {
            device.Strips(
                new TokenFrameDrop(x.Memory, y.Tensor.Memory, x.Pitch, y.Tensor.Pitch, tokens, count, y.Add ? 1 : 0),
                y.Tensor.Rows, x.Columns);
        }
        else if (x.ElementType == ElementType.BFloat16)
        {
            Groups<NarrowQuad>();
        }
        else
        {
            Groups<FloatQuad>();
        }

        void Groups<TStored>()
            where TStored : unmanaged, IStored<TStored, FloatQuad>
        {
            QuadMap map = QuadMap.Of<TokenFrameDropGroups<TStored>, TwoQuads<TStored>>(y.Tensor);
            map.Launch(device, new TokenFrameDropGroups<TStored>(x.Memory, Target.Of(y, x), x.Pitch, count, new((int)tokens), map));
        }
    }

    /// <summary>The adjoint of <see cref="Drop"/>.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="dy">Gradient of the output, (B·L, D).</param>
    /// <param name="dx">Gradient of the framed tokens, (B·(L + 2k), D).</param>
    /// <param name="tokens">L.</param>
    /// <param name="count">k.</param>
    /// <exception cref="ArgumentException">A shape does not match.</exception>
    public static void DropBackward(Device device, Tensor dy, Sink dx, long tokens, int count)
    {
        Check.NotEmpty(dy);
        Check.Divides(tokens, dy.Rows, nameof(dy));
        Check.Shape(dx.Tensor, new(dy.Rows / tokens * (tokens + (2L * count)), dy.Columns), nameof(dx));
        device.Strips(
            new TokenFramePad(dy.Memory, dx.Tensor.Memory, dy.Pitch, dx.Tensor.Pitch, tokens, count, dx.Add ? 1 : 0),
            dx.Tensor.Rows, dy.Columns);
    }
}
