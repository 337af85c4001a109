using DimIlgpu.Kernels;

namespace DimIlgpu.Autograd;

/// <summary>The differentiable form of <see cref="Kernels.TokenFrame"/>.</summary>
public static class TokenFrameOperator
{
    extension(Tape tape)
    {
        /// <summary>Puts <paramref name="count"/> condition tokens a sample, (B·k, D), at both ends of the tokens (B·L, D).</summary>
        public Variable JoinTokens(Variable x, Variable condition, int count)
        {
            Check(condition.Value, count);
            long tokens = x.Value.Rows / (condition.Value.Rows / count);
            Tensor y = tape.RentLike(x.Value, new(x.Value.Rows + (2 * condition.Value.Rows), x.Value.Columns));
            TokenFrame.Join(tape.Device, x.Value, condition.Value, y, count);
            return tape.Record(
                y, [x, condition],
                dy => TokenFrame.JoinBackward(tape.Device, dy, x.Sink(), condition.Sink(), tokens, count));
        }

        /// <summary>Takes <paramref name="count"/> tokens away at both ends of each sample of <paramref name="tokens"/> others.</summary>
        public Variable DropTokens(Variable x, long tokens, int count)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
            ArgumentOutOfRangeException.ThrowIfNegative(count);
            Tensor y = tape.RentLike(x.Value, new(x.Value.Rows / (tokens + (2L * count)) * tokens, x.Value.Columns));
            TokenFrame.Drop(tape.Device, x.Value, new(y, Add: false), tokens, count);
            return tape.Record(y, [x], dy =>
            {
                if (x.Sink() is { } dx)
                {
                    TokenFrame.DropBackward(tape.Device, dy, dx, tokens, count);
                }
            });
        }
    }

    private static void Check(Tensor condition, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (condition.Rows < count)
        {
            throw new ArgumentException($"'condition' has {condition.Rows} rows; expected at least the count of {count}.", nameof(condition));
        }
    }
}
